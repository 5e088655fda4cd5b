import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { ReadRange } from '../../domain/transform/run-state.ts';
import type { TransformRun } from '../../entities/transform-run.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { KafkaGateway } from '../kafka/ports.ts';

const positionRow = z.object({
  source: z.number(),
  partition: z.number(),
  topic: z.string(),
  next_offset: z.string().transform(BigInt),
});

export interface RangesDeps {
  readonly em: EntityManager;
  readonly kafka: Pick<KafkaGateway, 'offsets'>;
}

/**
 * What a run reads: from where the last one ended, or from the start, up to the end of the moment. Offsets of a generation of a topic
 * that another has replaced mean nothing in that, which is read from its start: rows that come again change nothing, but sums.
 * @throws LinewardError TRANSFORMER_STATE where a sum would count records twice
 */
export async function rangesOf(
  { em, kafka }: RangesDeps,
  run: Pick<TransformRun, 'versionId' | 'mode'>,
  topics: readonly { readonly source: number; readonly topic: string }[],
  sums: boolean,
): Promise<readonly ReadRange[]> {
  const known = await positionsOf(em, run.versionId);
  const ranges: ReadRange[] = [];
  for (const { source, topic } of topics)
    for (const { partition, earliest, latest } of await kafka.offsets(topic)) {
      const position = known.find((row) => row.source === source && row.partition === partition);
      const isGood = position !== undefined && position.topic === topic && position.next_offset <= BigInt(latest);
      const isOn = run.mode === 'INCREMENTAL' && isGood;
      if (sums && position !== undefined && !isOn) throw countedTwice(topic);
      const start = isOn && position.next_offset > BigInt(earliest) ? position.next_offset : BigInt(earliest);
      ranges.push({ source, topic, partition, from: String(start), to: latest });
    }
  return ranges;
}

function countedTwice(topic: string): LinewardError {
  return new LinewardError(
    'TRANSFORMER_STATE',
    `Records of ${topic} would be added to sums a second time: it is read from its start, since that was asked for or it was rewritten. Create a version with another path, which makes a table anew.`,
  );
}

async function positionsOf(em: EntityManager, versionId: string) {
  const rows = await em
    .fork()
    .execute(
      'select source, partition, topic, next_offset::text as next_offset from transform_position where version_id = ?',
      [versionId],
    );
  return rows.map((row) => positionRow.parse(row));
}

/** From here on the ranges are read, whatever becomes of the run. */
export async function movePositionsIn(
  tx: EntityManager,
  versionId: string,
  ranges: readonly ReadRange[],
): Promise<void> {
  await tx.execute(
    `insert into transform_position (version_id, source, partition, topic, next_offset)
     select ?, r.source, r.partition, r.topic, r."to"::bigint
     from jsonb_to_recordset(?::jsonb) as r(source int, partition int, topic text, "to" text)
     on conflict (version_id, source, partition) do update set topic = excluded.topic, next_offset = excluded.next_offset`,
    [versionId, JSON.stringify(ranges)],
  );
}
