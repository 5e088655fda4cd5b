import { LinewardError } from '../../errors/lineward-error.ts';
import { assertPattern } from './name-pattern.ts';
import { type Action, actions, type Role } from './role.ts';

export const policyEffects = ['ALLOW', 'DENY'] as const;
export type PolicyEffect = (typeof policyEffects)[number];

/** What a policy may depend on beside who asks and when. */
type PolicyCondition = 'namespaces' | 'names' | 'classifications' | 'accounts' | 'purposes';

/** Stands for what nobody classified. */
export const unclassified = 'UNCLASSIFIED';

/** What is asked of each action when it is decided: other conditions would be looked at by nobody. */
const looksAt: Readonly<Partial<Record<Action, readonly PolicyCondition[]>>> = {
  DISCOVER: ['namespaces', 'names', 'classifications'],
  READ_CLEAR: ['namespaces', 'names', 'classifications'],
  PRODUCE: ['namespaces', 'names'],
  ENCRYPT: ['accounts', 'classifications'],
  DECRYPT: ['accounts', 'classifications', 'purposes'],
};

/** A rule on top of what roles give. An empty list does not narrow. */
export interface AccessRule {
  readonly effect: PolicyEffect;
  readonly actions: readonly Action[];
  /** Whom it is about: who has one of the roles, or is one of the actors; everybody where both are empty. */
  readonly roles: readonly Role[];
  readonly actors: readonly string[];
  readonly namespaces: readonly string[];
  readonly names: readonly string[];
  readonly classifications: readonly string[];
  readonly accounts: readonly string[];
  readonly purposes: readonly string[];
  readonly validFrom: Date | null;
  readonly validUntil: Date | null;
}

/** A rule with what it is known by. */
export interface NamedRule extends AccessRule {
  readonly name: string;
  readonly version: number;
}

const entriesMax = 200;
const entryCharsMax = 200;
const conditions = ['namespaces', 'names', 'classifications', 'accounts', 'purposes'] as const;

/** @throws LinewardError BAD_INPUT with the place of what is wrong, and how to mend it. */
export function assertRule(rule: AccessRule): void {
  if (rule.actions.length === 0) throw bad('actions', 'name at least one permission');
  for (const list of [...conditions, 'actors'] as const) assertList(list, rule[list]);
  for (const list of ['namespaces', 'names'] as const)
    for (const [index, pattern] of rule[list].entries()) assertPattern(pattern, [list, String(index)]);
  for (const action of rule.actions) assertLookedAt(rule, action);
  if (rule.validFrom !== null && rule.validUntil !== null && rule.validFrom >= rule.validUntil)
    throw bad('validUntil', 'must be later than validFrom');
}

function assertList(list: string, given: readonly string[]): void {
  if (given.length > entriesMax) throw bad(list, `at most ${entriesMax}`);
  if (given.some((one) => one.trim() === '' || one.length > entryCharsMax + 50 || one.includes('\0')))
    throw bad(list, `each has 1 to ${entryCharsMax} characters`);
}

function assertLookedAt(rule: AccessRule, action: Action): void {
  const known = looksAt[action] ?? [];
  const unknown = conditions.find((condition) => rule[condition].length > 0 && !known.includes(condition));
  if (unknown !== undefined)
    throw bad(
      unknown,
      `${action} is decided ${known.length === 0 ? 'by who asks and when alone' : `by ${known.join(', ')} alone`}; make a policy of its own for it`,
    );
  if (action !== 'DISCOVER') return;
  if (rule.effect === 'ALLOW' && known.some((condition) => rule[condition].length > 0))
    throw bad('actions', 'DISCOVER is allowed as a whole; deny what is not to be seen');
  if (rule.classifications.includes(unclassified))
    throw bad('classifications', `${unclassified} hides nothing by itself; name namespaces or names`);
}

const bad = (field: string, message: string): LinewardError =>
  new LinewardError('BAD_INPUT', `${field}: ${message}`, { path: [field] });

/** The permissions in their order, each once. */
export function orderedActions(given: readonly Action[]): readonly Action[] {
  return (Object.keys(actions) as Action[]).filter((action) => given.includes(action));
}
