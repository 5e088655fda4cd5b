import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { documentOf, register, type TestApp, testApp } from '../../testkit/app.ts';
import { sparkSummitDocument } from '../../testkit/documents.ts';

let app: TestApp;
let ids: number[];
const longName = `L${'o'.repeat(200)}ng`;

beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
  const second = { ...sparkSummitDocument, version: '2.0' };
  ids = [];
  for (const document of [sparkSummitDocument, second, documentOf(longName)]) {
    const { registerEntityVersion } = await app.done(register, { input: { document } });
    ids.push(registerEntityVersion.version.schemaId);
  }
});
afterAll(() => app?.stop());

const get = async (path: string, method = 'GET') => {
  const response = await fetch(`${app.urls.registry}${path}`, { method });
  const text = await response.text();
  expect(response.headers.get('content-type')).toBe('application/vnd.schemaregistry.v1+json');
  return { status: response.status, body: text === '' ? null : JSON.parse(text), text };
};
const schemaText = JSON.stringify(sparkSummitDocument.schema);

describe('the schema registry listener', () => {
  test('lists subjects and versions, and answers versions by number, latest and -1', async () => {
    expect((await get('/')).body).toEqual({});
    expect((await get('/subjects')).body).toEqual([`Demo.${longName}`, 'Demo.SparkSummit']);
    expect((await get('/subjects/Demo.SparkSummit/versions')).body).toEqual([1, 2]);
    expect((await get('/subjects/Demo.SparkSummit/versions/1')).body).toEqual({
      subject: 'Demo.SparkSummit',
      version: 1,
      id: ids[0],
      schema: schemaText,
    });
    for (const version of ['2', 'latest', 'LATEST', '-1'])
      expect((await get(`/subjects/Demo.SparkSummit/versions/${version}`)).body).toMatchObject({
        version: 2,
        id: ids[1],
      });
    expect((await get('/subjects/Demo.SparkSummit/versions/1/schema')).text).toBe(schemaText);
    expect((await get('/schemas/types')).body).toEqual(['AVRO']);
    expect((await get('/mode')).body).toEqual({ mode: 'READONLY' });
  });

  test('answers a schema by its id', async () => {
    expect((await get(`/schemas/ids/${ids[0]}`)).body).toEqual({ schema: schemaText });
  });

  test('takes percent-encoded and long subjects', async () => {
    expect((await get('/subjects/Demo%2ESparkSummit/versions')).body).toEqual([1, 2]);
    expect((await get(`/subjects/Demo.${longName}/versions`)).body).toEqual([1]);
    const odd = encodeURIComponent('a/b:ü ');
    expect(await get(`/subjects/${odd}/versions`)).toMatchObject({
      status: 404,
      body: { error_code: 40_401, message: "Subject 'a/b:ü ' not found." },
    });
  });

  test.each([
    ['/subjects/Nobody/versions', 404, 40_401],
    ['/subjects/Nobody/versions/latest', 404, 40_401],
    ['/subjects/Demo.SparkSummit/versions/3', 404, 40_402],
    ['/subjects/Demo.SparkSummit/versions/9999999999', 404, 40_402],
    ['/subjects/Demo.SparkSummit/versions/0', 422, 42_202],
    ['/subjects/Demo.SparkSummit/versions/-2', 422, 42_202],
    ['/subjects/Demo.SparkSummit/versions/one', 422, 42_202],
    ['/subjects/Demo.SparkSummit/versions/1.5/schema', 422, 42_202],
    ['/schemas/ids/999999', 404, 40_403],
    ['/schemas/ids/99999999999', 404, 40_403],
    ['/schemas/ids/x', 404, 40_403],
    ['/nowhere', 404, 404],
  ])('answers %s by %i and error_code %i', async (path, status, code) => {
    expect(await get(path)).toMatchObject({ status, body: { error_code: code, message: expect.stringMatching(/./) } });
  });

  test('does not register: that is GraphQL’s', async () => {
    expect(await get('/subjects/Demo.SparkSummit/versions', 'POST')).toMatchObject({
      status: 404,
      body: { error_code: 404 },
    });
    expect((await get('/subjects')).body).toHaveLength(2);
  });
});
