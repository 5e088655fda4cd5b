import type { ActiveHold } from '../governance/hold-scope.ts';
import { isSelected } from '../governance/selection.ts';
import type { ReadRecord } from './record-content.ts';
import { recordKeys } from './table-view.ts';

/** Offsets of a partition. */
export interface LookedRange {
  readonly partition: number;
  readonly earliest: bigint;
  readonly latest: bigint;
}

/** Why a hold counts for a topic. */
export interface HoldOnTopic {
  readonly holdId: string;
  /** It carries records of the hold; or it was not looked through yet; or nobody can say whose its records are. */
  readonly why: 'CARRIES' | 'NOT_LOOKED_THROUGH' | 'NO_ENTITY';
}

/** How far a topic was looked through for one hold. */
export interface Look {
  readonly topic: string;
  /** The broker's id of the topic that was looked through; null when it told none. */
  readonly topicId: string | null;
  /** By which accounts were looked for. */
  readonly accountFields: readonly string[];
  readonly carries: boolean;
  /** Next offsets by partition. */
  readonly looked: Readonly<Record<string, string>>;
  /** All that was there a short while ago was looked through. */
  readonly isThrough: boolean;
  /** And that so short a while ago that it need not be done again. */
  readonly isFresh: boolean;
}

/** What is known of a topic when holds are asked for. */
export interface LookFacts {
  /** The broker's id of the topic; null when it tells none. */
  readonly topicId: string | null;
  readonly looks: ReadonlyMap<string, Look>;
  readonly accountFields: readonly string[];
  /** Null when not all partitions tell: nobody can say then what was looked through. */
  readonly ranges: readonly LookedRange[] | null;
}

export const noFacts: LookFacts = { topicId: null, looks: new Map(), accountFields: [], ranges: null };

/**
 * What was seen of a topic says nothing about its next generation, about one of the same name that was made since, or about
 * accounts in other fields; but what it carries, that does too.
 */
export function lookOf(facts: LookFacts, topic: string, holdId: string): Look | undefined {
  const look = facts.looks.get(holdId);
  const isSame =
    look?.topic === topic && look.topicId === facts.topicId && look.accountFields.join() === facts.accountFields.join();
  return look === undefined || isSame || look.carries
    ? look
    : { ...look, looked: {}, isThrough: false, isFresh: false };
}

/** Holds that may concern records of a dataset. */
export const holdsIn = (holds: readonly ActiveHold[], datasetId: string): readonly ActiveHold[] =>
  holds.filter(({ datasets }) => datasets === null || datasets.has(datasetId));

/** Of holds that are about the place of the topic. */
export function holdsOf(holds: readonly ActiveHold[], topic: string, facts: LookFacts): readonly HoldOnTopic[] {
  return holds.flatMap(({ id: holdId, selectors }): readonly HoldOnTopic[] => {
    if (selectors === null) return [{ holdId, why: 'CARRIES' }];
    if (facts.accountFields.length === 0) return [{ holdId, why: 'NO_ENTITY' }];
    const look = lookOf(facts, topic, holdId);
    if (look?.carries === true) return [{ holdId, why: 'CARRIES' }];
    return facts.ranges !== null && isCurrent(look, facts.ranges) ? [] : [{ holdId, why: 'NOT_LOOKED_THROUGH' }];
  });
}

/** A place behind the end is one in a topic of that name that was deleted since, also where the broker tells no ids. */
export const isCurrent = (look: Look | undefined, ranges: readonly LookedRange[]): boolean =>
  ranges.every(
    ({ partition, earliest, latest }) =>
      earliest >= latest || (look?.isThrough === true && placeIn(look, partition) <= latest),
  );

export const isAtEnd = (look: Look | undefined, ranges: readonly LookedRange[]): boolean =>
  ranges.every(({ partition, earliest, latest }) => earliest >= latest || placeIn(look, partition) === latest);

const placeIn = (look: Look | undefined, partition: number): bigint => BigInt(look?.looked[partition] ?? 0);

export function startOf(
  partition: number,
  {
    open,
    facts,
    ranges,
  }: { readonly open: readonly ActiveHold[]; readonly facts: LookFacts; readonly ranges: readonly LookedRange[] },
  topic: string,
): bigint {
  const end = ranges.find((range) => range.partition === partition)?.latest ?? 0n;
  const starts = open.map(({ id }) => placeIn(lookOf(facts, topic, id), partition));
  return starts.map((start) => (start > end ? 0n : start)).toSorted((one, other) => (one < other ? -1 : 1))[0] ?? 0n;
}

/** What cannot be read may be anybody's. */
export function concerns(
  { selectors }: Pick<ActiveHold, 'selectors'>,
  content: ReadRecord,
  accountFields: readonly string[],
): boolean {
  if (!content.ok || selectors === null) return true;
  const subjectFields = [...new Set(selectors.flatMap(({ subject }) => subject?.field ?? []))];
  return accountFields.some((field) => {
    const keys = recordKeys(content.record, field, subjectFields);
    return isSelected({ act: selectors, keep: [] }, keys.accountId, (name) => keys.subjects[name] ?? null);
  });
}
