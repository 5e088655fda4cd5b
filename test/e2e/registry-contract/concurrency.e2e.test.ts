import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, avro, optional, type Registry, startRegistry, unique } from './contract.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry?.stop());

const clients = 64;
const numbers = Array.from({ length: clients }, (_, index) => index);
const register = (subject: string, schema: string) =>
  registry.ask('POST', `/subjects/${subject}/versions`, { body: { schema } });
const idsOf = (answers: readonly Answer[]): readonly number[] => {
  for (const answer of answers)
    expect([answer.status, answer.text]).toEqual([200, expect.stringMatching(/^\{"id":\d+\}$/)]);
  return answers.map((answer) => answer.body.id);
};
const versionsOf = async (subject: string): Promise<readonly number[]> =>
  (await registry.ask('GET', `/subjects/${subject}/versions`)).body;
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
/** Schemas that go together in any order. */
const schemaOf = (prefix: string, index: number) => avro(optional(`${prefix}f${index}`));

describe(`${clients} clients at once`, () => {
  test('that register one schema under one subject get one id and make one version', async () => {
    const s = unique();
    const ids = idsOf(await Promise.all(numbers.map(() => register(s, schemaOf(s, 0)))));
    expect(new Set(ids).size).toBe(1);
    expect(await versionsOf(s)).toEqual([1]);
  });

  test('that register one schema under many subjects get one id', async () => {
    const s = unique();
    const ids = idsOf(await Promise.all(numbers.map((index) => register(`${s}-${index}`, schemaOf(s, 0)))));
    expect(new Set(ids).size).toBe(1);
    const places: { subject: string; version: number }[] = (
      await registry.ask('GET', `/schemas/ids/${ids[0]}/versions`)
    ).body;
    expect(places).toHaveLength(clients);
    expect(places.every(({ version }) => version === 1)).toBe(true);
  });

  test('that register different schemas under one subject number them without gaps', async () => {
    const s = unique();
    const ids = idsOf(await Promise.all(numbers.map((index) => register(s, schemaOf(s, index)))));
    expect(new Set(ids).size).toBe(clients);
    expect(await versionsOf(s)).toEqual(upTo(clients));
  });

  test('that register different schemas under many subjects get an id each', async () => {
    const s = unique();
    const ids = idsOf(await Promise.all(numbers.map((index) => register(`${s}-${index}`, schemaOf(s, index)))));
    expect(new Set(ids).size).toBe(clients);
    expect(await Promise.all(numbers.map((index) => versionsOf(`${s}-${index}`)))).toEqual(numbers.map(() => [1]));
  });

  test('that register when the known semantic types are out of date do not wait for connections of each other', async () => {
    const s = unique();
    for (let round = 0; round < 3; round += 1) {
      await sleep(1_100);
      idsOf(
        await Promise.all(numbers.map((index) => register(`${s}-${index}-${round}`, schemaOf(`${s}r${round}`, index)))),
      );
    }
  });

  test('half of whom bring ids of their own are never given an id that somebody else has', async () => {
    const s = unique();
    const from = idsOf([await register(`${s}-first`, schemaOf(s, 999))])[0] ?? 0;
    const importing = numbers.filter((index) => index % 2 === 0);
    for (const index of importing) await registry.ask('PUT', `/mode/${s}-${index}`, { body: { mode: 'IMPORT' } });
    const wanted = (index: number) => from + 1_000 + index;
    const answers = await Promise.all(
      numbers.map((index) => {
        const given = { schema: schemaOf(s, index), ...(index % 2 === 0 ? { id: wanted(index), version: 1 } : {}) };
        return registry.ask('POST', `/subjects/${s}-${index}/versions`, { body: given });
      }),
    );
    // Who brings an id that has been given meanwhile is refused.
    const taken = answers.filter((answer, index) => index % 2 === 0 && answer.body.error_code === 42_205);
    const ids = idsOf(answers.filter((answer) => !taken.includes(answer)));
    expect(new Set(ids).size).toBe(ids.length);
    for (const index of importing)
      if (answers[index]?.status === 200) expect(answers[index].body.id).toBe(wanted(index));
    const [next = 0] = idsOf([await register(`${s}-last`, schemaOf(s, 998))]);
    expect(next).toBeGreaterThan(Math.max(...ids));
    const { body } = await registry.ask('GET', `/schemas/ids/${next}?fetchMaxId=true`);
    expect(body.maxId).toBe(next);
  });

  test('that register eight schemas under eight subjects, in any order, agree on the ids', async () => {
    const s = unique();
    const pairs = numbers.map((index) => [index % 8, (index * 5 + (index >> 3)) % 8] as const);
    const answers = await Promise.all(
      pairs.map(([subject, schema]) => register(`${s}-${subject}`, schemaOf(s, schema))),
    );
    const ids = idsOf(answers);
    const bySchema = new Map<number, Set<number>>();
    for (const [index, [, schema]] of pairs.entries())
      bySchema.set(schema, (bySchema.get(schema) ?? new Set()).add(ids[index] ?? -1));
    expect([...bySchema.values()].map((set) => set.size)).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    for (const subject of upTo(8).map((number) => `${s}-${number - 1}`)) {
      const versions = await versionsOf(subject);
      expect(versions).toEqual(upTo(versions.length));
    }
  });

  test('that register in a context which is new count its ids from 1 without gaps', async () => {
    const context = unique();
    const ids = idsOf(
      await Promise.all(numbers.map((index) => register(`:.${context}:s${index % 4}`, schemaOf(context, index)))),
    );
    expect([...ids].sort((one, other) => one - other)).toEqual(upTo(clients));
  });

  test('that register, delete and read one subject are never answered a fault of the server', async () => {
    const s = unique();
    await register(s, schemaOf(s, 0));
    const answers = await Promise.all(
      numbers.map((index) => {
        if (index % 4 === 0) return registry.ask('DELETE', `/subjects/${s}`);
        if (index % 4 === 1) return registry.ask('GET', `/subjects/${s}/versions/latest`);
        if (index % 4 === 2) return registry.ask('PUT', `/config/${s}`, { body: { compatibility: 'NONE' } });
        return register(s, schemaOf(s, index));
      }),
    );
    expect(answers.filter(({ status }) => status >= 500).map(({ text }) => text)).toEqual([]);
    const all: readonly number[] = (await registry.ask('GET', `/subjects/${s}/versions?deleted=true`)).body;
    expect(all).toEqual(upTo(all.length));
  });

  test('that register, delete for good and configure a few subjects wait for nobody in a ring, and leave no gap', async () => {
    const s = unique();
    const work = async (index: number): Promise<readonly Answer[]> => {
      const answers: Answer[] = [];
      for (let round = 0; round < 10; round += 1) {
        const subject = `${s}-${(index + round) % 3}`;
        const kind = (index * 7 + round * 3) % 10;
        if (kind < 6) answers.push(await register(subject, schemaOf(s, (index + round * 5) % 12)));
        else if (kind < 8) answers.push(await registry.ask('DELETE', `/subjects/${subject}`));
        else if (kind < 9) answers.push(await registry.ask('DELETE', `/subjects/${subject}?permanent=true`));
        else answers.push(await registry.ask('PUT', `/config/${subject}`, { body: { compatibility: 'FULL' } }));
      }
      return answers;
    };
    const answers = (await Promise.all(numbers.map(work))).flat();
    expect(answers.filter(({ status }) => status >= 500).map(({ text }) => text)).toEqual([]);
    for (const subject of [0, 1, 2]) {
      const all = (await registry.ask('GET', `/subjects/${s}-${subject}/versions?deleted=true`)).body;
      if (Array.isArray(all)) expect(all).toEqual(upTo(all.length));
    }
    const [deadlocks] = await registry.app.em
      .fork()
      .execute('select deadlocks::integer from pg_stat_database where datname = current_database()');
    expect(deadlocks).toEqual({ deadlocks: 0 });
  }, 60_000);
});

test('the same record registered under two subjects is one schema and one entity', async () => {
  const s = unique();
  const schema = JSON.stringify({
    type: 'record',
    name: `E${s}`,
    namespace: 'contract',
    fields: [{ name: 'a', type: 'string' }],
  });
  const ids = idsOf([await register(`${s}-one`, schema), await register(`${s}-two`, schema)]);
  expect(new Set(ids).size).toBe(1);
  const { entity } = await registry.app.done(
    `{ entity(namespace: "contract", name: "E${s}") { fullName versions { totalCount nodes { number schemaId } } } }`,
  );
  expect(entity).toEqual({
    fullName: `contract.E${s}`,
    versions: { totalCount: 1, nodes: [{ number: 1, schemaId: ids[0] }] },
  });
});
