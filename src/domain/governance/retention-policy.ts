import { type PlaceScope, scopePlaces } from './place-scope.ts';

/** Why a policy that is about a place cannot be followed there. Nothing of it is deleted by the policy then. */
export const uncoveredReasons = {
  NOT_A_TABLE: 'It is no lake table and no topic, so nothing here removes records from it by age.',
  NO_ENTITY: 'No entity is mapped to it, so nobody can tell which records a legal hold keeps.',
  NO_DATE_FIELD: 'It was registered without a date field, so nobody can tell which rows are older.',
  NO_DATE_COLUMN: 'Landings write no column of the name of its date field with dates.',
  NO_TOPIC: 'No discovery has found the topic on the broker of this installation, or it is gone from there.',
  SETTINGS_UNKNOWN: 'The broker has not told the settings of the topic.',
  COMPACTED: 'The topic is compacted only: its broker deletes nothing by age.',
} as const;
export type UncoveredReason = keyof typeof uncoveredReasons;
export const uncoveredReasonNames = Object.keys(uncoveredReasons) as readonly UncoveredReason[];

/** How a policy stands in a place that its scope names. */
export const policyStates = {
  IN_FORCE: 'Records go by it.',
  OVERRULED: 'Another one goes before: the rule of the table or topic itself, or a narrower or shorter policy.',
  UNCOVERED: 'It cannot be followed there, and no other policy can.',
} as const;
export type PolicyState = keyof typeof policyStates;
export const policyStateNames = Object.keys(policyStates) as readonly PolicyState[];

/** What each part of a scope weighs: more than all that are broader together. */
const weights: Readonly<Record<(typeof scopePlaces)[number], number>> = {
  datasetIds: 8,
  entityIds: 4,
  classifications: 2,
  namespaces: 1,
};

/**
 * How narrow the words of a scope are: of two policies the one with more goes before. Not by what fits at the moment, which
 * would let a table that is registered elsewhere change what goes here (ADR 0047).
 */
export const narrownessOf = (scope: Pick<PlaceScope, (typeof scopePlaces)[number]>): number =>
  scopePlaces.reduce((sum, part) => sum + (scope[part] === null ? 0 : weights[part]), 0);
