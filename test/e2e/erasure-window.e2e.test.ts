import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Data, eventually, register, type TestApp, testApp } from '../testkit/app.ts';
import { sparkSummitDocument } from '../testkit/documents.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp({ ERASURE_WINDOW_MINUTES: '10080' });
  const { registerEntityVersion } = await app.done(register, {
    input: { document: sparkSummitDocument, aliases: ['SparkSummit.Demo'] },
  });
  await app.done(
    `mutation ($input: CreateLakeLandingInput!) { createLakeLanding(input: $input) { userErrors { code message } } }`,
    {
      input: {
        entityId: registerEntityVersion.entity.id,
        area: 'messaging',
        dateField: 'date_created',
        accountField: 'account_sid',
        subjectFields: ['sid'],
      },
    },
  );
  const records = Array.from({ length: 40 }, (_, index) => ({
    sid: `SM${index}`,
    account_sid: `AC${index % 4}`,
    date_created: `2018-06-0${(index % 3) + 4}T10:00:00Z`,
    to: '+11234567890',
    from: '+351234567890',
    message_body: 'x',
  }));
  const { body } = await app.post('/api/v1/entities/Demo.SparkSummit/records', { records });
  expect(body.results.every(({ ok }: Data) => ok)).toBe(true);
});
afterAll(() => app?.stop());

const operation = async (id: string): Promise<Data> =>
  (
    await app.done(
      `query ($id: ID!) { node(id: $id) { ... on Operation { id status urgent executeAfter planHash
         targets { nodes { receipt { recordsErased filesRewritten evidence } verification { survivors lost } } }
         certificate { body } } } }`,
      { id },
    )
  ).node;
const reaches = (id: string, status: string): Promise<Data> =>
  eventually(
    () => operation(id),
    (found) => found.status === status,
  );
async function approved(id: string): Promise<string> {
  const { planHash } = await reaches(id, 'PLANNED');
  await app.done(
    `mutation ($input: ApproveOperationInput!) { approveOperation(input: $input) { userErrors { code message } } }`,
    { input: { id, planHash } },
  );
  return id;
}
const requested = async (accountId: string): Promise<string> =>
  (
    await app.done(
      `mutation ($input: RequestErasureInput!) { requestErasure(input: $input) { userErrors { code } operation { id } } }`,
      { input: { subjects: [{ accountId }] } },
    )
  ).requestErasure.operation.id;

test('erasures wait for the end of their window, an urgent one does not, and those that waited go in one pass', async () => {
  const ids = [await approved(await requested('AC0')), await approved(await requested('AC1'))];
  for (const id of ids) {
    const waiting = await operation(id);
    expect(waiting).toMatchObject({ status: 'APPROVED', urgent: false });
    expect(Date.parse(waiting.executeAfter)).toBeGreaterThan(Date.now());
  }
  const response = await fetch(`${app.urls.main}/api/v1/erasures?urgent=true`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': 'urgent' },
    body: '{"accountId":"AC2"}\n',
  });
  const { operationId } = (await response.json()) as Data;
  const urgent = await reaches(await approved(operationId), 'COMPLETED');
  expect(urgent).toMatchObject({ urgent: true, executeAfter: null });
  expect(urgent.targets.nodes).toMatchObject([{ receipt: { recordsErased: 10, filesRewritten: 3 } }]);
  expect((await operation(ids[0] ?? '')).status).toBe('APPROVED');
  // The window ends.
  await app.em.fork().execute(`update operation set execute_after = now() where status = 'APPROVED'`);
  const counts: unknown[] = [];
  for (const id of ids) {
    const done = await reaches(id, 'COMPLETED');
    expect(done.targets.nodes).toMatchObject([
      { receipt: { recordsErased: 10, filesRewritten: 3 }, verification: { survivors: 0, lost: 0 } },
    ]);
    expect(done.certificate.body.totals).toMatchObject({ recordsErased: 10 });
    for (const file of done.targets.nodes[0].receipt.evidence) counts.push(file.counts?.erasedForOthers > 0);
  }
  expect(counts).toEqual(Array(6).fill(true));
});
