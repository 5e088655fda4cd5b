import type { Selection, SubjectSelector } from '../governance/selection.ts';
import type { LineageStep } from '../lineage/graph.ts';
import type { Gap } from './target.ts';

/** How a place names accounts and subjects. */
export interface PlaceKeys {
  readonly name: string;
  readonly subjectFields: readonly string[];
}

/**
 * The part of a selection that can be found in one place. A subject whose key field the place does not have is a gap.
 * So is a hold that cannot be located there: then nothing of its account is touched, since any record may be held.
 */
export function selectionIn(place: PlaceKeys, selection: Selection): Selection & { readonly gaps: readonly Gap[] } {
  if (selection.everyone === true) return everyoneIn(place, selection);
  const locatable = (selector: SubjectSelector): boolean =>
    selector.subject === undefined || place.subjectFields.includes(selector.subject.field);
  const unseenHolds = new Set(selection.keep.filter((hold) => !locatable(hold)).map((hold) => hold.accountId));
  const found = selection.act.filter(locatable);
  const act = found.filter((selector) => !unseenHolds.has(selector.accountId));
  const gaps: Gap[] = [];
  const missing = selection.act.length - found.length;
  if (missing > 0) {
    gaps.push({
      code: 'SUBJECT_KEY_MISSING',
      dataset: place.name,
      reason: `${missing} subject(s) are named by a field that this dataset has no key for`,
    });
  }
  if (act.length < found.length) gaps.push(holdNotLocatable(place));
  return { act, keep: selection.keep.filter(locatable), gaps };
}

/** Here too, nothing is touched of an account with a hold that cannot be located. */
function everyoneIn(place: PlaceKeys, { keep }: Selection): Selection & { readonly gaps: readonly Gap[] } {
  const isLocatable = ({ subject }: SubjectSelector) =>
    subject === undefined || place.subjectFields.includes(subject.field);
  const whole = keep.map((hold) => (isLocatable(hold) ? hold : { accountId: hold.accountId }));
  return { everyone: true, act: [], keep: whole, gaps: keep.every(isLocatable) ? [] : [holdNotLocatable(place)] };
}

function holdNotLocatable(place: PlaceKeys): Gap {
  const reason = 'a legal hold names its subject by a field that this dataset has no key for';
  return { code: 'HOLD_NOT_LOCATABLE', dataset: place.name, reason };
}

/** Order of places along lineage: sources first. Members of a cycle share the order they are reached in. */
export function sequenceOf(datasetIds: readonly string[], steps: readonly LineageStep[]): ReadonlyMap<string, number> {
  const inside = steps.filter(
    (step) => datasetIds.includes(step.sourceDatasetId) && datasetIds.includes(step.targetDatasetId),
  );
  const sequence = new Map(datasetIds.map((id) => [id, 0]));
  // Longest path by relaxation; n rounds are enough without a cycle, and bound the work with one.
  for (let round = 0; round < datasetIds.length; round += 1) {
    let changed = false;
    for (const step of inside) {
      const after = Math.min((sequence.get(step.sourceDatasetId) ?? 0) + 1, datasetIds.length);
      if (after > (sequence.get(step.targetDatasetId) ?? 0)) {
        sequence.set(step.targetDatasetId, after);
        changed = true;
      }
    }
    if (!changed) break;
  }
  return sequence;
}

/** Datasets outside of the places to which steps lead, with the names of the jobs that write there. */
export function unmappedDatasets(
  datasetIds: readonly string[],
  steps: readonly LineageStep[],
): ReadonlyMap<string, readonly string[]> {
  const known = new Set(datasetIds);
  const outside = steps.filter(({ targetDatasetId }) => !known.has(targetDatasetId));
  const groups = Map.groupBy(outside, ({ targetDatasetId }) => targetDatasetId);
  return new Map([...groups].map(([id, into]) => [id, [...new Set(into.map(({ job }) => job))].sort()]));
}
