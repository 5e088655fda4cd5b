import type { Gap, Residue, TargetReceipt } from '../../domain/operations/target.ts';
import type { ComparedPartition, TopicRewriteRow } from '../../entities/topic-rewrite.entity.ts';

/** The receipt of all rewrites that a target worked on, whichever process and attempt did it. */
export function rewriteReceipt(
  rows: readonly TopicRewriteRow[],
  open: readonly Gap[],
  { erases }: { readonly erases: boolean },
): TargetReceipt {
  const done = rows.filter(({ phase }) => phase !== 'ABANDONED');
  const partitions = done.flatMap(({ comparison }) => comparison?.partitions ?? []);
  const total = (count: (one: ComparedPartition) => number) => partitions.reduce((sum, one) => sum + count(one), 0);
  return {
    recordsErased: total(({ erased }) => erased),
    recordsChanged: total(({ changed }) => changed),
    recordsKept: total(({ same }) => same),
    filesRewritten: 0,
    filesRemoved: 0,
    bytesBefore: 0,
    bytesAfter: 0,
    evidence: rows.flatMap(evidenceOf),
    residues: done.filter(({ phase }) => phase === 'PURGED').map(residueOf),
    // What an erasure leaves is what a hold keeps, and the certificate tells of holds.
    open: [...done.flatMap(unreadableGaps), ...(erases ? [] : done.flatMap(unchangedGaps)), ...open],
  };
}

function evidenceOf(row: TopicRewriteRow): readonly Readonly<Record<string, unknown>>[] {
  const { source, generation, phase, snapshot, late, groups, purge } = row;
  const compared = new Map(row.comparison?.partitions.map((one) => [one.partition, one]));
  const partitions = snapshot.map(({ partition, earliest }) => ({
    partition,
    from: earliest,
    copiedTo: row.copied[partition] ?? null,
    ...compared.get(partition),
  }));
  return [{ source, generation, phase, late, partitions, groups, ...(purge === null ? {} : { purge }) }];
}

function unreadableGaps({ source, comparison }: TopicRewriteRow): readonly Gap[] {
  return (comparison?.unreadable ?? []).map((reason) => ({ code: 'MESSAGE_UNREADABLE', dataset: source, reason }));
}

function unchangedGaps({ source, comparison }: TopicRewriteRow): readonly Gap[] {
  const unchanged = (comparison?.partitions ?? []).reduce((sum, one) => sum + one.unchanged, 0);
  if (unchanged === 0) return [];
  const reason = `${unchanged} record(s) stay as they are: under a legal hold, or not fit for what was to be done`;
  return [{ code: 'RECORDS_UNCHANGED', dataset: source, reason }];
}

/** A deleted topic leaves its files for a moment, and copies elsewhere for ever. */
function residueOf({ source, config, purge }: TopicRewriteRow): Residue {
  const tiered =
    config['remote.storage.enable'] === 'true' ? ' its segments in tiered storage go when the broker gets to it;' : '';
  return {
    dataset: source,
    reason: `the topic is deleted; its segment files go when the broker has waited for log.segment.delete.delay.ms;${tiered} mirrors and backups of it are not reached`,
    until: purge?.filesGoneBy ?? null,
  };
}
