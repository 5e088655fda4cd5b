import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLogger } from '../../src/adapters/telemetry/logger.ts';
import { startApp } from '../../src/app.ts';
import { loadEnv } from '../../src/config/env.ts';
import { type Role, roleNames } from '../../src/domain/access/role.ts';
import { type Data, eventually, type TestApp, testApp, webSocketClient } from '../testkit/app.ts';
import {
  type Asking,
  asking,
  type HiddenThings,
  hiddenThings,
  rootToken,
  secretWord,
} from '../testkit/hidden-things.ts';

let app: TestApp;
let kit: Asking;
let things: HiddenThings;
let tokens: Readonly<Record<Role, string>>;
beforeAll(async () => {
  app = await testApp({ LINEWARD_API_TOKEN: rootToken });
  kit = asking(app);
  things = await hiddenThings(app, kit);
  const made = roleNames.map(async (role) => [role, await kit.tokenOf(role, [role])] as const);
  tokens = Object.fromEntries(await Promise.all(made)) as Record<Role, string>;
  await kit.policy('hide payroll', {
    effect: 'DENY',
    actions: ['DISCOVER'],
    roles: roleNames.filter((role) => role !== 'privacy_officer'),
    names: [`${secretWord}*`],
  });
});
afterAll(() => app?.stop());

describe('what a policy hides', () => {
  test('is answered as what does not exist: the same status and words, counts and facets without it', async () => {
    const viewer = tokens.viewer;
    for (const [hidden, absent] of [
      [`/subjects/${secretWord}-value/versions`, '/subjects/nothing-value/versions'],
      [`/v1/entities/Demo.${secretWord}_slip`, '/v1/entities/Demo.nothing'],
    ] as const) {
      const [one, other] = [
        await kit.get(viewer, `${app.urls.registry}${hidden}`),
        await kit.get(viewer, `${app.urls.registry}${absent}`),
      ];
      expect(one.status).toBe(404);
      expect(one.status).toBe(other.status);
      expect(JSON.parse(one.text).error_code).toBe(JSON.parse(other.text).error_code);
    }
    const count = '{ entities { totalCount } datasets { totalCount } search(query: "") { totalCount } }';
    const [all, some] = [await kit.ask(rootToken, count), await kit.ask(viewer, count)];
    // Demo and reg have an entity of that name.
    expect(some.data.entities.totalCount).toBe(all.data.entities.totalCount - 2);
    expect(some.data.datasets.totalCount).toBe(all.data.datasets.totalCount - 1);
    expect(some.data.search.totalCount).toBeLessThan(all.data.search.totalCount);
  });

  test('is walked through in lineage, and the answer says that something is left out', async () => {
    const query = `{ lineage(start: "${things.upstreamId}", direction: DOWNSTREAM) { complete truncatedReason
      restricted { depth } nodes { dataset { name } } hops { source { name } target { name } } } }`;
    expect((await kit.ask(tokens.viewer, query)).data.lineage).toEqual({
      complete: false,
      truncatedReason: 'RESTRICTED',
      restricted: [{ depth: 1 }],
      nodes: [{ dataset: { name: 'source' } }, { dataset: { name: 'report' } }],
      hops: [{ source: { name: 'source' }, target: { name: 'report' } }],
    });
    expect((await kit.ask(rootToken, query)).data.lineage).toMatchObject({ complete: true, restricted: [], hops: [] });
    const start = `{ lineage(start: "${things.datasetId}", direction: BOTH) { complete } }`;
    const { errors } = await kit.ask(tokens.viewer, start);
    expect(errors[0].extensions.code).toBe('NOT_FOUND');
  });

  test('cannot be changed, by id or by name, and an id that nothing has is refused likewise', async () => {
    const change =
      'mutation ($input: DescribeDatasetInput!) { describeDataset(input: $input) { userErrors { code } } }';
    const none = Buffer.from('Dataset:00000000-0000-4000-8000-000000000000').toString('base64url');
    const answers = await Promise.all(
      [things.datasetId, none].map((datasetId) =>
        kit.ask(tokens.steward, change, { input: { datasetId, documentation: 'x' } }),
      ),
    );
    const [hidden, absent] = answers.map(({ errors }) => errors[0]);
    expect(hidden.extensions.code).toBe('NOT_FOUND');
    expect({ ...hidden, extensions: { code: hidden.extensions.code } }).toEqual({
      ...absent,
      extensions: { code: absent.extensions.code },
    });
    const map = `mutation ($input: MapEntityInput!) { mapEntity(input: $input) { userErrors { code } mapping { id } } }`;
    const { data } = await kit.ask(rootToken, '{ entity(namespace: "Demo", name: "parcel") { id } }');
    const dataset = { namespace: 'shop', name: `${secretWord}_raw` };
    const input = { entityId: data.entity.id, dataset, role: 'WAREHOUSE_TABLE', accountField: 'id', subjectFields: [] };
    expect((await kit.ask(tokens.engineer, map, { input })).errors[0].extensions.code).toBe('NOT_FOUND');
    const schema = { schema: '"string"' };
    const url = `${app.urls.registry}/subjects/${secretWord}-value/versions`;
    expect((await kit.send(tokens.engineer, url, schema)).status).toBe(404);
  });
});

describe('a policy', () => {
  test('is in force in all processes at once, and over in all', async () => {
    const second = await startApp(loadEnv({ ...app.settings, LINEWARD_ROLES: 'api' }), createLogger('silent'));
    try {
      const there = asking(app, () => second.urls.main);
      const query = '{ datasets(first: 50) { nodes { name } } }';
      const names = async (): Promise<string[]> =>
        (await there.ask(tokens.engineer, query)).data.datasets.nodes.map(({ name }: Data) => name);
      expect(await names()).toContain('parcels');
      const rule = { effect: 'DENY', actions: ['DISCOVER'], roles: ['engineer'], namespaces: ['shop'] };
      const id = await kit.policy('no shop', rule);
      await eventually(names, (found) => !found.includes('parcels'));
      await kit.retire(id);
      await eventually(names, (found) => found.includes('parcels'));
    } finally {
      await second.stop();
    }
  });

  test('by classification hides what carries the label, and the entities that say it', async () => {
    const rule = { effect: 'DENY', actions: ['DISCOVER'], actors: ['lab'], classifications: ['PII'] };
    const token = await kit.tokenOf('lab', ['viewer']);
    const query = '{ datasets(first: 50) { nodes { name } } entities(first: 50) { nodes { fullName } } }';
    const before = JSON.stringify((await kit.ask(token, query)).data);
    expect(before).toContain('contacts');
    expect(before).toContain('Demo.contact');
    const id = await kit.policy('no PII', rule);
    const after = await eventually(
      () => kit.ask(token, query),
      ({ data }) => !JSON.stringify(data).includes('contact'),
    );
    expect(JSON.stringify(after.data)).toContain('parcels');
    // A copy carries the label that came to it along lineage.
    expect(before).toContain('mailing');
    expect(JSON.stringify(after.data)).not.toContain('mailing');
    await kit.retire(id);
  });

  test('lets whom it trusts break the glass: for a short time, told to all, past no denial and no duty kept apart', async () => {
    const glass = `mutation ($input: BreakGlassInput!) {
      breakGlass(input: $input) { accessPolicy { id rule { validUntil actors } } userErrors { code } } }`;
    const take = (token: string, permission: string, minutes = 5) =>
      kit.ask(token, glass, { input: { permission, reason: 'incident', minutes } });
    const ben = await kit.tokenOf('ben', ['engineer']);
    expect((await take(ben, 'READ_SUBJECTS')).errors[0].extensions.code).toBe('FORBIDDEN');
    await kit.policy('who may break it', { effect: 'ALLOW', actions: ['BREAK_GLASS'], roles: ['engineer', 'auditor'] });
    await eventually(
      () => kit.ask(ben, '{ me { permissions } }'),
      ({ data }) => data.me.permissions.includes('BREAK_GLASS'),
    );
    const holds = '{ legalHolds { totalCount } }';
    expect((await kit.ask(ben, holds)).errors[0].extensions.code).toBe('FORBIDDEN');
    for (const permission of ['GRANT', 'ERASE', 'RELEASE_HOLD', 'APPROVE'])
      expect((await take(ben, permission)).data.breakGlass.userErrors[0].code).toBe('BAD_INPUT');
    expect((await take(ben, 'READ_SUBJECTS', 241)).data.breakGlass.userErrors[0].code).toBe('BAD_INPUT');
    expect((await take(tokens.auditor, 'DECRYPT')).errors[0].extensions.code).toBe('FORBIDDEN');
    const taken = (await take(ben, 'READ_SUBJECTS')).data.breakGlass;
    expect(taken.accessPolicy.rule.actors).toEqual(['ben']);
    await eventually(
      () => kit.ask(ben, holds),
      ({ errors }) => errors === undefined,
    );
    expect((await kit.ask(tokens.engineer, holds)).errors[0].extensions.code).toBe('FORBIDDEN');
    const { data } = await eventually(
      () => kit.ask(tokens.viewer, '{ changes(last: 20, types: [ACCESS_ELEVATED]) { nodes { actorId action } } }'),
      (answer) => answer.data.changes.nodes.length > 0,
    );
    expect(data.changes.nodes).toEqual([{ actorId: 'ben', action: 'breakGlass' }]);
    // Its end is a moment in the rule: set back, as time would have it.
    await app.em
      .fork()
      .execute(
        `update access_policy set rule = rule || '{"validUntil":"2026-01-01T00:00:00.000Z","validFrom":null}' where id = ?`,
        [Buffer.from(taken.accessPolicy.id, 'base64url').toString().split(':')[1]],
      );
    await eventually(
      () => kit.ask(ben, holds),
      ({ errors }) => errors?.[0].extensions.code === 'FORBIDDEN',
    );
  });

  test('is explained, versioned and audited, and keeps duties apart', async () => {
    const make = `mutation ($input: CreateAccessPolicyInput!) { createAccessPolicy(input: $input) {
      accessPolicy { id policyVersion } userErrors { code field } } }`;
    const rule = { effect: 'DENY', actions: ['DECRYPT'], roles: ['privacy_officer'], accounts: ['AC1'] };
    const input = { name: 'not AC1', rule, reason: 'court' };
    expect((await kit.ask(tokens.steward, make, { input })).errors[0].extensions.code).toBe('FORBIDDEN');
    const { accessPolicy } = (await kit.ask(tokens.security_admin, make, { input })).data.createAccessPolicy;
    expect((await kit.ask(rootToken, make, { input })).data.createAccessPolicy.userErrors[0].code).toBe('CONFLICT');
    const replace = `mutation ($input: ReplaceAccessPolicyInput!) { replaceAccessPolicy(input: $input) {
      accessPolicy { policyVersion versions(first: 9) { nodes { number rule { accounts } } } } userErrors { code } } }`;
    const next = { id: accessPolicy.id, rule: { ...rule, accounts: ['AC2'] }, reason: 'other court' };
    expect((await kit.ask(rootToken, replace, { input: next })).data.replaceAccessPolicy.accessPolicy).toEqual({
      policyVersion: 2,
      versions: {
        nodes: [
          { number: 2, rule: { accounts: ['AC2'] } },
          { number: 1, rule: { accounts: ['AC1'] } },
        ],
      },
    });
    const [event] = await app.em
      .fork()
      .execute(`select details from audit_event where action = 'replaceAccessPolicy' order by id desc limit 1`);
    expect(event?.details).toMatchObject({ before: { accounts: ['AC1'] }, after: { accounts: ['AC2'] } });
    const explain = `{ explainAccess(permission: DECRYPT, resource: { account: "AC2" }, actorId: "x", roles: [privacy_officer]) {
      allowed rule { kind name version } others { kind name } } }`;
    const { data } = await eventually(
      () => kit.ask(tokens.auditor, explain),
      (answer) => answer.data.explainAccess.allowed === false,
    );
    expect(data.explainAccess).toEqual({
      allowed: false,
      rule: { kind: 'POLICY', name: 'not AC1', version: 2 },
      others: [{ kind: 'ROLE', name: 'privacy_officer' }],
    });
    expect((await kit.ask(tokens.viewer, explain)).errors[0].extensions.code).toBe('FORBIDDEN');
    await kit.retire(accessPolicy.id);
  });

  test('takes effect in an open subscription with its next event, and back', async () => {
    const client = webSocketClient(app.urls.main, tokens.steward);
    const seen: Data[] = [];
    const done = client.subscribe(
      { query: 'subscription { changed { type resourceType resourceId } }' },
      { next: (event) => seen.push(event), error: () => {}, complete: () => {} },
    );
    const describe_ = (datasetId: string, documentation: string) =>
      kit.ask(
        rootToken,
        'mutation ($input: DescribeDatasetInput!) { describeDataset(input: $input) { userErrors { code } } }',
        { input: { datasetId, documentation } },
      );
    const ids = () => seen.map((event) => event.data?.changed.resourceId);
    await eventually(
      async () => {
        await describe_(things.upstreamId, crypto.randomUUID());
        return ids();
      },
      (found) => found.includes(things.upstreamId),
    );
    expect(ids()).not.toContain(things.datasetId);
    const rule = { effect: 'DENY', actions: ['DISCOVER'], roles: ['steward'], names: ['source'] };
    const policy = await kit.policy('hide source too', rule);
    await eventually(
      () => kit.ask(tokens.steward, '{ dataset(namespace: "shop", name: "source") { id } }'),
      ({ data }) => data.dataset === null,
    );
    const before = ids().length;
    await describe_(things.upstreamId, 'hidden by now');
    await describe_(things.downstreamId, 'still seen');
    await eventually(
      async () => ids(),
      (found) => found.includes(things.downstreamId),
    );
    expect(ids().slice(before)).toEqual([things.downstreamId]);
    await kit.retire(policy);
    done();
    await client.dispose();
  });
});

test('a confidential hold is shown to who may place holds, by roles and by policies', async () => {
  const place = `mutation { placeLegalHold(input: { matterId: "sealed", reason: "court", confidential: true, scope: { accountId: "AC9" } }) {
    legalHold { id } userErrors { message } } }`;
  const { data } = await kit.ask(rootToken, place);
  expect(data.placeLegalHold.userErrors).toEqual([]);
  const { id } = data.placeLegalHold.legalHold;
  const seenByLegal = async (): Promise<Data> => {
    const answer = await kit.ask(
      tokens.legal,
      `{ legalHolds(first: 50) { nodes { id matterId } } node(id: "${id}") { id } }`,
    );
    expect(answer.errors).toBeUndefined();
    return JSON.stringify(answer.data).includes(id);
  };
  expect(await seenByLegal()).toBe(true);
  const policy = await kit.policy('no holds', { effect: 'DENY', actions: ['HOLD'], roles: ['legal'] });
  expect(await seenByLegal()).toBe(false);
  await kit.retire(policy);
  expect(await seenByLegal()).toBe(true);
});
