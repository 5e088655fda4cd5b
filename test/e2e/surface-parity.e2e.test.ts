import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Role, roleNames } from '../../src/domain/access/role.ts';
import { buildSchema } from '../../src/resolvers/build-schema.ts';
import { type Data, eventually, type TestApp, testApp, webSocketClient } from '../testkit/app.ts';
import { type HiddenStreams, hiddenStreams } from '../testkit/hidden-streams.ts';
import {
  type Asking,
  asking,
  type HiddenThings,
  hiddenThings,
  rootToken,
  secretWord,
} from '../testkit/hidden-things.ts';
import { missingKafka, testBroker } from '../testkit/kafka.ts';
import { rolesOfFields, rolesOfRoutes, routeName } from '../testkit/permission-table.ts';
import { appWithRoutes, type RegisteredRoute } from '../testkit/routes.ts';
import { type Address, changeSurfaces, type RouteSurface, readSurfaces } from '../testkit/surface-addresses.ts';
import { fieldSurfaces, type Surface, subscriptionSurfaces } from '../testkit/surface-questions.ts';

// Surfaces come from the schema as it is built and from the routes as they are registered: who adds one says what it shows.
const missing = await missingKafka();
const control: Role = 'privacy_officer';
const describeDataset =
  'mutation ($input: DescribeDatasetInput!) { describeDataset(input: $input) { userErrors { code } } }';
const others = roleNames.filter((role) => role !== control);

describe.skipIf(missing !== null)(`what a policy hides${missing === null ? '' : `: ${missing}`}`, () => {
  let app: TestApp;
  let routes: readonly RegisteredRoute[];
  let kit: Asking;
  let closeBroker: () => Promise<void>;
  let cluster: string;
  let things: HiddenThings;
  let hidden: HiddenStreams;
  let tokens: Readonly<Record<Role, string>>;
  beforeAll(async () => {
    const broker = await testBroker();
    closeBroker = broker.close;
    ({ app, routes } = await appWithRoutes(() =>
      testApp({ LINEWARD_API_TOKEN: rootToken, KAFKA_BROKERS: broker.brokers }),
    ));
    kit = asking(app);
    things = await hiddenThings(app, kit);
    cluster = JSON.parse((await kit.get(rootToken, `${app.urls.produce}/v3/clusters`)).text).data[0].cluster_id;
    const made = roleNames.map(async (role) => [role, await kit.tokenOf(role, [role])] as const);
    tokens = Object.fromEntries(await Promise.all(made)) as Record<Role, string>;
    hidden = await hiddenStreams(app, kit, { brokers: broker.brokers, reader: tokens[control] });
    await kit.policy('hide them', {
      ...{ effect: 'DENY', actions: ['DISCOVER'], roles: others, names: [`*${secretWord}*`] },
    });
  });
  afterAll(async () => {
    await app?.stop();
    await closeBroker?.();
  });

  const questions = (surfaces: Readonly<Record<string, Surface>>) =>
    Object.entries(surfaces).flatMap(([field, surface]) =>
      typeof surface === 'string' ? [] : surface.map((question) => ({ field, ...question })),
    );
  const addresses = (surfaces: Readonly<Record<string, RouteSurface>>) =>
    Object.entries(surfaces).flatMap(([route, surface]) =>
      typeof surface === 'string' ? [] : surface.map((address) => ({ route, ...address })),
    );
  const answerAt = async (token: string, route: string, { path, body, type = 'application/json' }: Address) => {
    const [method, listener] = route.split(' ') as [string, RegisteredRoute['listener']];
    const response = await fetch(`${app.urls[listener]}${path.replace('{cluster}', cluster)}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': type }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  };
  /** Without what the question itself named. */
  const told = (text: string, question: string): string => {
    const named = question.match(new RegExp(`[\\w.:-]*${secretWord}[\\w-]*`, 'g')) ?? [];
    return named
      .toSorted((one, other) => other.length - one.length)
      .reduce((rest, name) => rest.replaceAll(name, ''), text);
  };
  const asked = ({ path, body }: Address): string => `${path} ${JSON.stringify(body) ?? ''}`;

  test('has a question, or a reason for none, at every root field and every route there is', () => {
    const schema = buildSchema();
    const fieldsOf = (type: { getFields(): object } | null | undefined) =>
      Object.keys(type?.getFields() ?? {}).toSorted();
    expect.soft(Object.keys(fieldSurfaces(things, hidden)).toSorted()).toEqual(fieldsOf(schema.getQueryType()));
    expect
      .soft(Object.keys(subscriptionSurfaces(things, hidden)).toSorted())
      .toEqual(fieldsOf(schema.getSubscriptionType()));
    const names = new Set(routes.filter(({ isRefusal }) => !isRefusal).map(routeName));
    const known = Object.keys({ ...readSurfaces(things, hidden), ...changeSurfaces(things, hidden) });
    expect.soft(known.toSorted()).toEqual([...names].toSorted());
  });

  test('is told by each of them to who may find it: else silence proves nothing', async () => {
    for (const { field, text, says } of questions(fieldSurfaces(things, hidden))) {
      const token = rolesOfFields.get(`Query.${field}`)?.includes(control) ? tokens[control] : rootToken;
      const body = await kit.ask(token, text);
      expect.soft(body.errors, text).toBeUndefined();
      const speaks = says?.(body.data) ?? JSON.stringify(body).includes(secretWord);
      expect.soft(speaks, `${text} ${JSON.stringify(body)}`).toBe(true);
    }
    for (const { route, ...address } of addresses(readSurfaces(things, hidden))) {
      const { status, text } = await answerAt(tokens[control], route, address);
      expect.soft(status, `${route} ${text}`).toBeLessThan(300);
    }
  });

  for (const role of others)
    test(`is not there for ${role}, on no surface`, async () => {
      for (const { field, text, says } of questions(fieldSurfaces(things, hidden))) {
        const { data, errors = [] } = await kit.ask(tokens[role], text);
        const codes = errors.map((error: Data) => error.extensions.code);
        const may = rolesOfFields.get(`Query.${field}`)?.includes(role);
        expect.soft(codes, text).toEqual(may ? codes.filter((code: string) => code === 'NOT_FOUND') : ['FORBIDDEN']);
        const answer = JSON.stringify(data ?? null);
        expect.soft(told(answer, text), text).not.toContain(secretWord);
        expect.soft(JSON.stringify(errors), text).not.toContain(secretWord);
        if (says !== undefined && codes.length === 0) expect.soft(says(data), `${text} ${answer}`).toBe(false);
      }
      for (const { route, ...address } of addresses(readSurfaces(things, hidden))) {
        const { status, text } = await answerAt(tokens[role], route, address);
        const may = rolesOfRoutes.get(route)?.includes(role);
        expect.soft(status === 403, `${route} ${status} ${text}`).toBe(!may);
        expect.soft(status, `${route} ${text}`).toBeLessThan(500);
        expect.soft(told(text, asked(address)), `${asked(address)}`).not.toContain(secretWord);
      }
    });

  test('is told by no subscription, and by each to who may find it', async () => {
    const surfaces = questions(subscriptionSurfaces(things, hidden));
    expect(surfaces.map(({ field }) => field)).toEqual(['changed', 'operationUpdated']);
    for (const role of roleNames)
      for (const { text, says, field } of surfaces) {
        const client = webSocketClient(app.urls.main, tokens[role]);
        const heard: Data[] = [];
        const done = client.subscribe(
          { query: text },
          { next: (event) => heard.push(event), error: (fault) => heard.push({ fault }), complete: () => {} },
        );
        // Behind all that was changed before: what is heard then is heard by everybody.
        if (field === 'changed') {
          const documentation = crypto.randomUUID();
          await kit.ask(rootToken, describeDataset, { input: { datasetId: things.downstreamId, documentation } });
          const isEnd = ({ data }: Data) => data?.changed.resourceId === things.downstreamId;
          await eventually(
            async () => heard.findLastIndex(isEnd),
            (index) => index >= (role === roleNames[0] ? 0 : 1),
          );
        } else
          await eventually(
            async () => heard,
            ({ length }) => length > 0,
          );
        done();
        await client.dispose();
        expect(heard.filter(({ errors, fault }) => errors !== undefined || fault !== undefined)).toEqual([]);
        const speaks = heard.some(({ data }) => says?.(data) ?? JSON.stringify(data).includes(secretWord));
        expect(speaks, `${role} ${text}`).toBe(role === control);
        if (role !== control) expect(JSON.stringify(heard)).not.toContain(secretWord);
      }
  });

  test('is in no context of the registry either, by whatever way to it', async () => {
    const reads = addresses(readSurfaces(things, hidden)).filter(({ route }) =>
      / registry \/(?!v1\/entities)/.test(route),
    );
    expect(reads.length).toBeGreaterThan(25);
    for (const { route, path, ...rest } of reads) {
      const inContext = { ...rest, path: `/contexts/:.:${path}` };
      const { status, text } = await answerAt(tokens[control], route, inContext);
      expect(status, `${path} ${text}`).toBeLessThan(300);
      const silent = await answerAt(tokens.viewer, route, inContext);
      expect(told(silent.text, asked(inContext)), path).not.toContain(secretWord);
    }
  });

  test('can be changed at no address by who does not find it', async () => {
    const registrar: Role = 'service';
    for (const { route, ...address } of addresses(changeSurfaces(things, hidden))) {
      const { status, text } = await answerAt(tokens[registrar], route, address);
      // A batch answers each of its requests for itself.
      if (status === 207) expect(JSON.parse(text).results).toMatchObject([{ error: { error_code: 40_401 } }]);
      else expect([403, 404], `${route} ${asked(address)} ${text}`).toContain(status);
      expect(told(text, asked(address)), route).not.toContain(secretWord);
    }
    const { text } = await answerAt(rootToken, 'GET registry', { path: `/subjects/${secretWord}-form/versions` });
    expect(JSON.parse(text)).toEqual([1]);
  });
});
