import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId } from '../../../src/domain/id.ts';
import { LineageIngestService } from '../../../src/services/lineage/lineage-ingest.service.ts';
import { tester } from '../../testkit/actor.ts';
import { deriveUnmapped, type OperationsLane, operationsLane, seedPlaces } from '../../testkit/operations.ts';

let lane: OperationsLane;
beforeAll(async () => {
  lane = await operationsLane();
});
afterAll(() => lane?.close());

interface Ref {
  readonly namespace: string;
  readonly name: string;
}

/** A run that makes each column of the target of one column of a source. */
async function told(
  job: string,
  source: Ref,
  target: Ref,
  columns: Readonly<Record<string, { readonly from: string; readonly masking?: boolean }>>,
): Promise<void> {
  const fields = Object.fromEntries(
    Object.entries(columns).map(([name, { from, masking = false }]) => [
      name,
      {
        inputFields: [
          { ...source, field: from, transformations: [{ type: 'DIRECT', subtype: 'TRANSFORMATION', masking }] },
        ],
      },
    ]),
  );
  const event = {
    eventType: 'COMPLETE',
    eventTime: new Date().toISOString(),
    run: { runId: newId() },
    job: { namespace: 'jobs', name: job },
    producer: 'https://example.com',
    inputs: [source],
    outputs: [{ ...target, facets: { columnLineage: { _producer: 'p', _schemaURL: 's', fields } } }],
  };
  const refused = await new LineageIngestService({ em: lane.em }).take([{ value: event, text: JSON.stringify(event) }]);
  expect(refused).toEqual([]);
}

async function gapsOf(accountId: string, entityId: string) {
  const { id } = await lane.requests.requestErasure(tester, {
    subjects: [{ accountId }],
    entityId,
    dryRun: true,
  });
  return (await lane.user.reaches(id, 'PLANNED')).plan?.gaps;
}

it('a plan names what is made of its places however many steps away, and which columns hold their keys', async () => {
  const seed = await seedPlaces(lane);
  const [place] = seed.places;
  const namespace = 'warehouse://w';
  const at = (name: string): Ref => ({ namespace, name: `${name}-${seed.accountId}` });
  const [row] = await lane.em
    .fork()
    .execute<Ref[]>('select namespace, name from dataset where id = ?', [place?.datasetId ?? '']);
  const mapped = { namespace: row?.namespace ?? '', name: row?.name ?? '' };
  await told('stage', mapped, at('staging'), { acct: { from: 'account_sid' }, note: { from: 'text' } });
  await told('mart', at('staging'), at('mart'), { owner: { from: 'acct' }, copy: { from: 'acct' } });
  await told('mart again', at('staging'), at('mart'), { owner: { from: 'acct' }, copy: { from: 'acct' } });
  await told('hash', at('mart'), at('hashed'), { digest: { from: 'owner', masking: true } });
  // A way back: what leads to itself is looked at once.
  await told('loop', at('mart'), at('staging'), { acct: { from: 'owner' } });
  const gap = (name: string, reason: string) => ({ code: 'UNMAPPED_DERIVED', dataset: at(name).name, reason });
  expect(await gapsOf(seed.accountId, seed.entityId)).toEqual([
    gap(
      'hashed',
      'job hash writes there, and no entity is mapped to it; no column of it is known to hold an account or subject',
    ),
    gap(
      'mart',
      'jobs mart, mart again write there, and no entity is mapped to it; columns copy, owner hold accounts or subjects',
    ),
    gap(
      'staging',
      'jobs loop, stage write there, and no entity is mapped to it; column acct holds accounts or subjects',
    ),
  ]);
});

it('is the same plan when nothing changed, so that an approval binds', async () => {
  const seed = await seedPlaces(lane);
  await deriveUnmapped(lane, seed.places[0]!);
  await deriveUnmapped(lane, seed.places[0]!);
  const [one, other] = [await gapsOf(seed.accountId, seed.entityId), await gapsOf(seed.accountId, seed.entityId)];
  expect(one).toHaveLength(2);
  expect(other).toEqual(one);
});
