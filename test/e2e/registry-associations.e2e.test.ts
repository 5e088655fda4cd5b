import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, type TestApp, testApp } from '../testkit/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
});
afterAll(() => app?.stop());

const call = async (method: string, path: string, body?: unknown): Promise<{ status: number; body: Data }> => {
  const response = await fetch(`${app.urls.registry}${path}`, {
    method,
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? null : JSON.parse(text) };
};

let count = 0;
const fresh = (word: string): string => {
  count += 1;
  return `${word}-${count}`;
};
const schema = { schema: '"string"' };
const registered = async (subject = fresh('subject')): Promise<string> => {
  await call('POST', `/subjects/${subject}/versions`, schema);
  return subject;
};
const resource = (id = fresh('lkc:topic'), associations: readonly object[] = [{}]) => ({
  resourceId: id,
  resourceName: `${id}-name`,
  resourceNamespace: 'lkc',
  associations,
});
const created = async (body: object): Promise<Data> => {
  const { status, body: answer } = await call('POST', '/associations', body);
  expect(status, JSON.stringify(answer)).toBe(200);
  return answer;
};

describe('an association', () => {
  test('ties a subject to a topic, and is found from both ends', async () => {
    const subject = await registered();
    const body = resource(undefined, [{ subject, associationType: 'value', lifecycle: 'WEAK' }]);
    expect(await created(body)).toEqual({
      resourceName: body.resourceName,
      resourceNamespace: 'lkc',
      resourceId: body.resourceId,
      resourceType: 'topic',
      associations: [{ subject, associationType: 'value', lifecycle: 'WEAK', frozen: false }],
    });
    const expected = [
      {
        ...{ subject, guid: expect.any(String), resourceName: body.resourceName, resourceNamespace: 'lkc' },
        ...{
          resourceId: body.resourceId,
          resourceType: 'topic',
          associationType: 'value',
          lifecycle: 'WEAK',
          frozen: false,
        },
      },
    ];
    for (const path of [`subjects/${subject}`, `resources/${body.resourceId}`, `resources/lkc/${body.resourceName}`])
      expect((await call('GET', `/associations/${path}`)).body).toEqual(expected);
    for (const filter of ['lifecycle=STRONG', 'associationType=key', 'resourceType=lake_table', 'offset=1'])
      expect((await call('GET', `/associations/subjects/${subject}?${filter}`)).body).toEqual([]);
  });

  test('may bring its schema, and is strong then', async () => {
    const body = resource(undefined, [{ schema }]);
    const subject = `${body.resourceName}-value`;
    expect((await created(body)).associations).toEqual([
      { subject, associationType: 'value', lifecycle: 'STRONG', frozen: false },
    ]);
    expect((await call('GET', `/subjects/${subject}/versions`)).body).toEqual([1]);
  });

  test('made again as it is changes nothing, and changed only by PUT', async () => {
    const subject = await registered();
    const body = resource(undefined, [{ subject, lifecycle: 'WEAK' }]);
    await created(body);
    await created(body);
    const strong = { ...body, associations: [{ subject, lifecycle: 'STRONG' }] };
    expect((await call('POST', '/associations', strong)).body.error_code).toBe(40_903);
    const put = await call('PUT', `/associations/resources/${body.resourceId}`, strong);
    expect(put.body.associations[0].lifecycle).toBe('STRONG');
  });

  test('of other kinds of resources keeps apart from topics', async () => {
    const subject = await registered();
    const body = { ...resource(undefined, [{ subject, lifecycle: 'WEAK' }]), resourceType: 'lake_table' };
    await created(body);
    expect((await call('GET', `/associations/resources/${body.resourceId}`)).body).toEqual([]);
    expect((await call('GET', `/associations/resources/${body.resourceId}?resourceType=lake_table`)).body).toHaveLength(
      1,
    );
  });

  test('checked only leaves nothing behind', async () => {
    const body = resource(undefined, [{ subject: await registered() }]);
    expect((await call('POST', '/associations?dryRun=true', body)).status).toBe(200);
    expect((await call('GET', `/associations/resources/${body.resourceId}`)).body).toEqual([]);
  });

  test('that is strong goes with its subject when its resource goes', async () => {
    const body = resource(undefined, [{ schema, frozen: true }]);
    const subject = `${body.resourceName}-value`;
    await created(body);
    const path = `/associations/resources/${body.resourceId}`;
    expect((await call('DELETE', path)).body.error_code).toBe(40_908);
    expect(await call('DELETE', `${path}?cascadeLifecycle=true`)).toEqual({ status: 204, body: null });
    expect((await call('GET', `/subjects/${subject}/versions`)).body.error_code).toBe(40_401);
    expect((await call('DELETE', path)).body.error_code).toBe(40_410);
  });
});

describe('an association is refused', () => {
  test.each([
    ['without a resource id', { resourceName: 'a', resourceNamespace: 'b', associations: [{}] }, 42_212],
    ['without associations', resource(undefined, []), 42_212],
    ['of an unknown kind of resource', { ...resource(), resourceType: 'toaster' }, 42_212],
    ['of an unknown type', resource(undefined, [{ associationType: 'header' }]), 42_212],
    ['of an unknown lifecycle', resource(undefined, [{ lifecycle: 'EVENTUAL' }]), 42_212],
    ['that is weak and frozen', resource(undefined, [{ lifecycle: 'WEAK', frozen: true }]), 42_212],
    ['of a subject without a version', resource(undefined, [{ subject: 'nobody' }]), 40_907],
    ['with a schema that is none', resource(undefined, [{ schema: { schema: '{' } }]), 42_201],
  ])('%s', async (_name, body, code) => {
    expect((await call('POST', '/associations', body)).body.error_code).toBe(code);
  });

  test('when another has its subject', async () => {
    const subject = await registered();
    await created(resource(undefined, [{ subject, lifecycle: 'WEAK' }]));
    const strong = resource(undefined, [{ subject, lifecycle: 'STRONG' }]);
    expect((await call('POST', '/associations', strong)).body.error_code).toBe(40_904);
    const other = await registered();
    await created(resource(undefined, [{ subject: other, lifecycle: 'STRONG' }]));
    const weak = resource(undefined, [{ subject: other, lifecycle: 'WEAK' }]);
    expect((await call('POST', '/associations', weak)).body.error_code).toBe(40_905);
  });

  test('when it is frozen and would change', async () => {
    const subject = await registered();
    const body = resource(undefined, [{ subject, lifecycle: 'STRONG', frozen: true }]);
    await created(body);
    const put = await call('PUT', `/associations/resources/${body.resourceId}`, {
      ...body,
      associations: [{ subject, lifecycle: 'WEAK' }],
    });
    expect(put.body.error_code).toBe(40_908);
  });
});

describe('a batch of associations', () => {
  test('answers each request in its place', async () => {
    const good = resource(undefined, [{ subject: await registered() }]);
    const bad = resource(undefined, [{ subject: 'nobody' }]);
    const mutated = await call('POST', '/associations:batchMutate', { requests: [good, bad] });
    expect(mutated.status).toBe(207);
    expect(mutated.body.results).toMatchObject([
      { result: { resourceId: good.resourceId } },
      { error: { error_code: 40_907 } },
    ]);
    const got = await call('POST', '/associations:batchGet', { requests: [{ resourceId: good.resourceId }, {}] });
    expect(got.body.results).toMatchObject([
      { result: [{ resourceId: good.resourceId }] },
      { error: { error_code: 42_212 } },
    ]);
  });

  test('over its limit is refused as a whole', async () => {
    const requests = Array.from({ length: 101 }, () => ({}));
    expect((await call('POST', '/associations:batchGet', { requests })).body.error_code).toBe(42_213);
  });
});
