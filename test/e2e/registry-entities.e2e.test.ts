import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Data, documentOf, type TestApp, testApp } from '../testkit/app.ts';
import { sparkSummitDocument } from '../testkit/documents.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp({ LINEWARD_ROLES: 'api' });
});
afterAll(() => app?.stop());

const call = async (method: string, path: string, body?: unknown): Promise<{ status: number; body: Data }> => {
  const response = await fetch(`${app.urls.registry}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? null : JSON.parse(text) };
};

describe('entities over plain HTTP', () => {
  test('are registered, found by name and alias, and come back as they were', async () => {
    const made = await call('POST', '/v1/entities', { document: sparkSummitDocument, aliases: ['SparkSummit.Demo'] });
    expect(made).toMatchObject({
      status: 200,
      body: {
        entity: { namespace: 'Demo', name: 'SparkSummit' },
        version: { number: 1 },
        isNew: true,
        incompatibilities: [],
      },
    });
    for (const name of ['Demo.SparkSummit', 'SparkSummit.Demo']) {
      expect((await call('GET', `/v1/entities/${name}`)).body).toMatchObject({
        aliases: ['SparkSummit.Demo'],
        versions: [{ number: 1 }],
      });
      for (const version of ['1', 'latest'])
        expect((await call('GET', `/v1/entities/${name}/versions/${version}`)).body).toEqual(sparkSummitDocument);
    }
    expect((await call('GET', '/subjects/Demo.SparkSummit/versions')).body).toEqual([1]);
  });

  test('say what does not go together with the version before', async () => {
    const next = (fields: readonly Record<string, unknown>[]) => documentOf('Grows', fields);
    await call('POST', '/v1/entities', { document: next([{ name: 'a', type: 'string' }]) });
    const { body } = await call('POST', '/v1/entities', {
      document: next([
        { name: 'a', type: 'string' },
        { name: 'b', type: 'int' },
      ]),
    });
    expect(body).toMatchObject({
      version: { number: 2 },
      incompatibilities: [{ errorType: 'READER_FIELD_MISSING_DEFAULT_VALUE' }],
    });
    const { namespace } = body.entity;
    await call('PUT', `/config/${namespace}.Grows`, { compatibility: 'BACKWARD' });
    const refused = await call('POST', '/v1/entities', { document: next([{ name: 'c', type: 'int' }]) });
    expect(refused).toMatchObject({ status: 409, body: { error_code: 409 } });
  });

  test('are mapped to the places that hold them', async () => {
    await call('POST', '/v1/entities', { document: sparkSummitDocument });
    const mapping = {
      dataset: { namespace: 'kafka://broker:9092', name: 'SparkSummit.Demo' },
      role: 'TOPIC',
      accountField: 'account_sid',
      subjectFields: ['to'],
    };
    expect((await call('PUT', '/v1/entities/Demo.SparkSummit/mappings', mapping)).body).toEqual(mapping);
    expect((await call('GET', '/v1/entities/Demo.SparkSummit/mappings')).body).toEqual([mapping]);
    const query = new URLSearchParams(mapping.dataset);
    const removal = (): Promise<{ status: number; body: Data }> =>
      call('DELETE', `/v1/entities/Demo.SparkSummit/mappings?${query}`);
    expect(await removal()).toMatchObject({ status: 204 });
    expect((await call('GET', '/v1/entities/Demo.SparkSummit/mappings')).body).toEqual([]);
    expect(await removal()).toMatchObject({ status: 404, body: { error_code: 404 } });
    expect((await call('DELETE', '/v1/entities/Demo.SparkSummit/mappings')).status).toBe(400);
  });

  test('registered as Avro are documents too, with tags that name a type as twilio_type', async () => {
    const schema = {
      type: 'record',
      name: 'Reader',
      namespace: 'acme',
      fields: [
        { name: 'mail', type: ['null', 'string'], default: null, 'confluent:tags': ['email'] },
        { name: 'inner', type: { type: 'record', name: 'Inner', fields: [{ name: 'ssn', type: 'string' }] } },
      ],
    };
    await call('POST', '/subjects/readers-value/versions', {
      schema: JSON.stringify(schema),
      metadata: { tags: { '**.ssn': ['ssn'] } },
    });
    const { body } = await call('GET', '/v1/entities/acme.Reader/versions/latest');
    expect(body).toMatchObject({ version: '1', namespace: 'default', schema: { name: 'Reader', namespace: 'acme' } });
    expect(body.schema.fields[0]).toEqual({ ...schema.fields[0], twilio_type: 'email' });
    expect(body.schema.fields[1].type.fields[0]).toEqual({ name: 'ssn', type: 'string', twilio_type: 'ssn' });
    expect((await call('POST', '/v1/entities', { document: body })).status).toBe(200);
  });

  test.each([
    [
      'JSON',
      {
        title: 'acme.Order',
        type: 'object',
        properties: {
          id: { type: 'integer' },
          who: { type: 'object', properties: { mail: { type: 'string', twilio_type: 'email' } } },
        },
        required: ['id'],
      },
      'acme.Order',
    ],
    [
      'PROTOBUF',
      'syntax = "proto3"; package acme; message Event { int64 id = 1; Who who = 2; } message Who { repeated string mails = 1; }',
      'acme.Event',
    ],
  ])('registered as %s are documents of the same fields', async (schemaType, schema, name) => {
    const given = typeof schema === 'string' ? schema : JSON.stringify(schema);
    expect((await call('POST', `/subjects/${name}/versions`, { schemaType, schema: given })).status).toBe(200);
    const { body } = await call('GET', `/v1/entities/${name}/versions/1`);
    expect(body.schema.fields.map((field: Data) => field.name)).toEqual(['id', 'who']);
    expect((await call('POST', '/v1/entities', { document: body })).status).toBe(200);
  });

  test('are listed in pages', async () => {
    const names: string[] = [];
    for (let after: string | null = ''; after !== null; ) {
      const { body }: { body: Data } = await call(
        'GET',
        `/v1/entities${after === '' ? '' : `?after=${encodeURIComponent(after)}`}`,
      );
      names.push(...body.entities.map((entity: Data) => `${entity.namespace}.${entity.name}`));
      after = body.next;
    }
    expect(names).toContain('Demo.SparkSummit');
    expect(new Set(names).size).toBe(names.length);
  });

  test('show every version, however many there are', async () => {
    const document = (index: number) => ({
      ...documentOf('Old', [{ name: 'a', type: 'string' }]),
      version: `0.${index}`,
    });
    const { namespace } = (await call('POST', '/v1/entities', { document: document(1) })).body.entity;
    for (let index = 2; index <= 102; index += 1) await call('POST', '/v1/entities', { document: document(index) });
    const path = `/v1/entities/${namespace}.Old`;
    expect((await call('GET', `${path}/versions/1`)).body).toEqual(document(1));
    expect((await call('GET', `${path}/versions/latest`)).body).toEqual(document(102));
    const { body: newest } = await call('GET', path);
    const { body: rest } = await call('GET', `${path}?after=${encodeURIComponent(newest.next)}`);
    const numbers = [newest, rest].flatMap((page) => page.versions.map((version: Data) => version.number));
    expect(numbers).toEqual(Array.from({ length: 102 }, (_, index) => 102 - index));
    expect(rest.next).toBeNull();
  });

  test.each([
    ['GET', '/v1/entities/No.Body', undefined, 404, 404],
    ['GET', '/v1/entities/Demo.SparkSummit/versions/99', undefined, 404, 40_402],
    ['GET', '/v1/entities/Demo.SparkSummit/versions/one', undefined, 422, 42_202],
    ['GET', '/v1/entities?after=x', undefined, 400, 400],
    ['POST', '/v1/entities', {}, 400, 400],
    [
      'POST',
      '/v1/entities',
      {
        document: {
          namespace: 'x',
          schema: { type: 'record', name: 'R', namespace: 'n', fields: [{ name: 'a', type: 'strin' }] },
        },
      },
      422,
      42_201,
    ],
    ['PUT', '/v1/entities/Demo.SparkSummit/mappings', { role: 'TOPIC' }, 400, 400],
    [
      'PUT',
      '/v1/entities/Demo.SparkSummit/mappings',
      { dataset: { namespace: 'a', name: 'b' }, role: 'TOPIC', accountField: 'none' },
      422,
      422,
    ],
    ['PATCH', '/v1/entities', {}, 405, 405],
  ])('%s %s of %j is refused', async (method, path, body, status, code) => {
    expect(await call(method, path, body)).toMatchObject({ status, body: { error_code: code } });
  });
});

describe('/openapi.json', () => {
  test('describes every route with a summary, and refers only to what it defines', async () => {
    const { body } = await call('GET', '/openapi.json');
    const operations = Object.entries<Data>(body.paths).flatMap(([path, methods]) =>
      Object.entries<Data>(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
    );
    expect(operations.length).toBeGreaterThan(45);
    expect(operations.filter(({ operation }) => operation.summary === '').map(({ name }) => name)).toEqual([]);
    const names = [...JSON.stringify(body).matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name ?? '');
    for (const name of names) expect(body.components.schemas).toHaveProperty(name);
    for (const path of [
      '/v1/entities',
      '/v1/entities/{entity}/mappings',
      '/subjects/{subject}/versions',
      '/associations:batchGet',
    ])
      expect(body.paths).toHaveProperty([path]);
  });

  test('tells the status and the members of what is answered, and what queries hold', async () => {
    const { body: api } = await call('GET', '/openapi.json');
    const schema = JSON.stringify({
      type: 'record',
      name: 'Api',
      namespace: 'n',
      fields: [{ name: 'a', type: 'int' }],
    });
    const { body: made } = await call('POST', '/subjects/api/versions', {
      schema,
      metadata: { properties: { owner: 'me' } },
    });
    const [{ guid }] = (await app.em.fork().execute('select guid from schema where id = ?', [made.id])) as [Data];
    const tie = { subject: 'api', associationType: 'value', lifecycle: 'WEAK' };
    const resource = { resourceName: 'api', resourceNamespace: 'n', resourceType: 'topic', associations: [tie] };
    const bodies: Readonly<Record<string, unknown>> = {
      'post /associations': { ...resource, resourceId: 'api' },
      'post /associations:batchGet': { requests: [{ resourceId: 'api' }] },
      'post /associations:batchMutate': { requests: [{ ...resource, resourceId: 'api' }] },
      'post /compatibility/subjects/{subject}/versions': { schema },
      'post /compatibility/subjects/{subject}/versions/{version}': { schema },
      'post /subjects/{subject}': { schema },
      'post /subjects/{subject}/versions': { schema },
      'put /associations/resources/{resource}': resource,
      'put /config/{subject}': { compatibility: 'FULL', normalize: false, compatibilityGroup: 'g' },
      'put /mode/{subject}': { mode: 'READWRITE' },
      'put /v1/entities/{entity}/mappings': {
        dataset: { namespace: 'kafka://x', name: 'api' },
        role: 'TOPIC',
        accountField: 'a',
      },
    };
    const values: Readonly<Record<string, string>> = {
      ...{ subject: 'api', version: '1', id: String(made.id), entity: 'n.Api', guid, resource: 'api' },
      ...{ namespace: 'n', name: 'api' },
    };
    const asked: string[] = [];
    const ask = async (method: string, path: string): Promise<void> => {
      const operation = api.paths[path][method];
      const query = path.endsWith('/metadata') ? '?key=owner&value=me' : '';
      const address = `${path}${query}`.replace(/\{(\w+)\}/g, (_all, name: string) => values[name] ?? name);
      const { status, body } = await call(method.toUpperCase(), address, bodies[`${method} ${path}`]);
      const answer = operation.responses[String(status)];
      expect(answer, `${method} ${path} answers ${status}`).toBeDefined();
      expect(undescribed(api, answer.content['application/json'].schema, body), `${method} ${path}`).toEqual([]);
      asked.push(`${method} ${path}`);
    };
    for (const name of Object.keys(bodies).toSorted().reverse()) {
      const [method = '', path = ''] = name.split(' ');
      await ask(method, path);
    }
    for (const path of Object.keys(api.paths)) if (api.paths[path].get !== undefined) await ask('get', path);
    expect(asked.length).toBeGreaterThan(35);
    const queried = Object.values<Data>(api.paths).flatMap((methods) =>
      Object.values<Data>(methods).flatMap(({ parameters = [] }) =>
        parameters.filter((one: Data) => one.in === 'query').map((one: Data) => one.name),
      ),
    );
    expect(new Set(queried).size).toBeGreaterThan(20);
    expect(api.paths['/contexts/{context}'].delete.responses).toHaveProperty('204');
  });
});

/** Members of an answer that its schema does not have, and values of another type. */
function undescribed(api: Data, given: Data, value: Data, place = ''): readonly string[] {
  const schema = given.$ref === undefined ? given : api.components.schemas[given.$ref.split('/').at(-1)];
  if (schema.type === undefined) return [];
  const type = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
  const is = type === 'number' ? 'integer' : type;
  if (![schema.type].flat().includes(is)) return [`${place} is ${is}`];
  if (is === 'array')
    return value.flatMap((item: Data, index: number) => undescribed(api, schema.items, item, `${place}[${index}]`));
  if (is !== 'object' || schema.properties === undefined) return [];
  return Object.entries<Data>(value).flatMap(([key, inner]) => {
    const member = schema.properties[key];
    return member === undefined ? [`${place}.${key}`] : undescribed(api, member, inner, `${place}.${key}`);
  });
}

test('a schema of held records is deleted permanently only when the hold is released; softly at any time', async () => {
  const mutate = async (name: string, input: Data, fields: string): Promise<Data> => {
    const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
    const query = `mutation ($input: ${type}!) { ${name}(input: $input) { userErrors { code message } ${fields} } }`;
    return (await app.done(query, { input }))[name];
  };
  const registerEntity = async (name: string): Promise<string> => {
    await call('POST', '/v1/entities', { document: documentOf(name, [{ name: 'sid', type: 'string' }]) });
    const { nodes } = (await app.done(`{ entities(filter: { name: { eq: "${name}" } }) { nodes { id namespace } } }`))
      .entities;
    const dataset = { namespace: 'lake', name: `${name}-table` };
    const place = { role: 'WAREHOUSE_TABLE', accountField: 'sid', subjectFields: ['sid'] };
    await mutate('mapEntity', { entityId: nodes[0].id, dataset, ...place }, 'mapping { id }');
    return `/subjects/${nodes[0].namespace}.${name}`;
  };
  const [held, free] = [await registerEntity('Held'), await registerEntity('Free')];
  const { nodes } = (await app.done('{ datasets(first: 50) { nodes { id name } } }')).datasets;
  const datasetId = nodes.find(({ name }: Data) => name === 'Held-table').id;
  const scope = { accountId: 'AC1', subjects: [{ field: 'sid', value: '1' }], datasetIds: [datasetId] };
  const placed = await mutate('placeLegalHold', { matterId: 'M-1', reason: 'r', scope }, 'legalHold { id }');

  for (const subject of [held, free]) expect((await call('DELETE', subject)).status).toBe(200);
  const refused = { status: 409, body: { error_code: 409, message: expect.stringContaining('legal hold') } };
  expect(await call('DELETE', `${held}?permanent=true`)).toMatchObject(refused);
  expect(await call('DELETE', `${held}/versions/1?permanent=true`)).toMatchObject(refused);
  expect((await call('DELETE', `${free}?permanent=true`)).status).toBe(200);
  expect((await call('GET', `${held}/versions?deleted=true`)).body).toEqual([1]);

  await mutate('releaseLegalHold', { id: placed.legalHold.id, reason: 'settled' }, 'legalHold { id }');
  expect((await call('DELETE', `${held}?permanent=true`)).status).toBe(200);
});
