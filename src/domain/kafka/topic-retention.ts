import { LinewardError } from '../../errors/lineward-error.ts';

/** Settings of a topic that say how long its records stay, in Kafka's words. */
export const retentionSettings = [
  'retention.ms',
  'retention.bytes',
  'max.compaction.lag.ms',
  'segment.ms',
  'message.timestamp.type',
  'cleanup.policy',
] as const;
export type RetentionSetting = (typeof retentionSettings)[number];
export type RetentionValues = Readonly<Partial<Record<RetentionSetting, string>>>;

const longMax = 9_223_372_036_854_775_807n;
const unlimited = '-1';
/** The two that delete by age and by size; -1 is no limit. */
const limits: readonly RetentionSetting[] = ['retention.ms', 'retention.bytes'];
const timestampTypes = ['CreateTime', 'LogAppendTime'];
const cleanups = ['compact', 'delete'];

/**
 * Reads settings as a policy names them. Each must say by what age records go.
 * @throws LinewardError BAD_INPUT with the place of the fault.
 */
export function readRetention(given: readonly { readonly name: string; readonly value: string }[]): RetentionValues {
  const values: Partial<Record<RetentionSetting, string>> = {};
  for (const [index, { name, value }] of given.entries()) {
    const place = (member: string) => ['settings', String(index), member];
    const setting = retentionSettings.find((one) => one === name);
    if (setting === undefined) throw refusal(place('name'), `is one of ${retentionSettings.join(', ')}`);
    if (values[setting] !== undefined) throw refusal(place('name'), 'is given twice');
    values[setting] = readValue(setting, value, place('value'));
  }
  if (values['retention.ms'] === undefined) throw refusal(['settings'], 'must name retention.ms; -1 keeps for ever');
  return values;
}

function readValue(setting: RetentionSetting, value: string, path: readonly string[]): string {
  if (setting === 'message.timestamp.type') {
    if (timestampTypes.includes(value)) return value;
    throw refusal(path, `is one of ${timestampTypes.join(', ')}`);
  }
  if (setting === 'cleanup.policy') {
    const parts = partsOf(value);
    if (parts.size > 0 && [...parts].every((part) => cleanups.includes(part))) return [...parts].sort().join(',');
    throw refusal(path, 'is compact, delete, or both with a comma');
  }
  const least = limits.includes(setting) ? -1n : 1n;
  const number = /^(?:-1|\d{1,19})$/.test(value) ? BigInt(value) : null;
  if (number !== null && number >= least && number <= longMax && number !== 0n) return String(number);
  throw refusal(path, `is a whole number from 1 to ${longMax}${least === -1n ? ', or -1 for no limit' : ''}`);
}

function refusal(path: readonly string[], why: string): LinewardError {
  return new LinewardError('BAD_INPUT', `${path.join('.')}: ${why}`, { path });
}

const partsOf = (value: string): ReadonlySet<string> =>
  new Set(
    value
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  );

/**
 * Whether one value keeps records longer than another: above 0 longer, below 0 shorter, 0 as long. Null where nobody can
 * say, which counts as shorter.
 */
export function compareKeeping(setting: RetentionSetting, one: string, other: string): number | null {
  if (one === other) return 0;
  if (setting === 'message.timestamp.type') return null;
  if (setting === 'cleanup.policy') return compareCleanups(partsOf(one), partsOf(other));
  const [length, against] = [lengthOf(one), lengthOf(other)];
  return length === against ? 0 : length > against ? 1 : -1;
}

/** What does less to records keeps them longer. */
function compareCleanups(one: ReadonlySet<string>, other: ReadonlySet<string>): number | null {
  const isLess = [...one].every((part) => other.has(part));
  const isMore = [...other].every((part) => one.has(part));
  if (isLess && isMore) return 0;
  return isLess ? 1 : isMore ? -1 : null;
}

const lengthOf = (value: string): bigint => (value === unlimited ? longMax : BigInt(value));

/** Of two values the one that keeps longer; the first where nobody can say. */
const longer = (setting: RetentionSetting, one: string, other: string): string =>
  (compareKeeping(setting, other, one) ?? -1) > 0 ? other : one;

/** What keeps a value from being as the policy wants it. */
export type RetentionBlock = 'NEEDS_APPROVAL' | 'HELD' | 'MINIMUM' | 'UNKNOWN_TO_BROKER';

/** One setting: how it is, how the policy wants it, and what would be done. */
export interface RetentionStep {
  readonly setting: RetentionSetting;
  /** Null when the broker does not know the setting. */
  readonly onBroker: string | null;
  /** Null when the policy does not name it: it is only moved for a hold. */
  readonly desired: string | null;
  /** Null is the broker's default. */
  readonly target: string | null;
  readonly change: 'NONE' | 'EXTEND' | 'SHORTEN';
  readonly blocked: RetentionBlock | null;
}

export interface RetentionQuestion {
  readonly policy: RetentionValues;
  /** What was last approved, or put in force by keeping longer. Nothing is cut below it. */
  readonly inForce: RetentionValues;
  /** What the broker goes by now, be it set for the topic or not. */
  readonly onBroker: RetentionValues;
  /** True for what a policy over many topics placed: until somebody approves it, what keeps shorter stays as it is. */
  readonly placed: boolean;
  readonly held: boolean;
  /** Days that a regulation wants records to be kept; null for none. Then nothing goes by size. */
  readonly minimumDays: number | null;
  /** What a hold has moved and nobody has approved otherwise; null is the broker's default. */
  readonly beforeHold: Readonly<Partial<Record<RetentionSetting, string | null>>>;
  /** True: everything that the policy wants, as it would be with an approval. */
  readonly approving: boolean;
}

/** Keeping longer needs nobody; keeping shorter needs an approval, and no hold. */
export function planRetention(question: RetentionQuestion): readonly RetentionStep[] {
  const { policy, onBroker, held, beforeHold } = question;
  return retentionSettings.flatMap((setting) => {
    const desired = policy[setting];
    const value = onBroker[setting];
    if (desired !== undefined && !isLent(setting, question)) return [stepOf(setting, desired, question)];
    if (value === undefined || !limits.includes(setting)) return [];
    if (held && value !== unlimited)
      return [{ setting, onBroker: value, desired: null, target: unlimited, change: 'EXTEND', blocked: null }];
    // By size, records would go before their time.
    if (value !== floored(setting, value, question.minimumDays))
      return [
        {
          setting,
          onBroker: value,
          desired: null,
          target: floored(setting, value, question.minimumDays),
          change: 'EXTEND',
          blocked: null,
        },
      ];
    const before = beforeHold[setting];
    if (held || before === undefined || value !== unlimited) return [];
    if (before !== null && before !== floored(setting, before, question.minimumDays)) return [];
    return [{ setting, onBroker: value, desired: null, target: before, change: 'SHORTEN', blocked: null }];
  });
}

/** True for what only a hold has lengthened, and nobody has approved to be any other than it was. */
const isLent = (
  setting: RetentionSetting,
  { placed, held, approving, inForce, onBroker, beforeHold }: RetentionQuestion,
): boolean =>
  placed &&
  !held &&
  !approving &&
  inForce[setting] === undefined &&
  onBroker[setting] === unlimited &&
  beforeHold[setting] !== undefined;

function stepOf(setting: RetentionSetting, desired: string, question: RetentionQuestion): RetentionStep {
  const onBroker = question.onBroker[setting];
  if (onBroker === undefined)
    return { setting, onBroker: null, desired, target: null, change: 'NONE', blocked: 'UNKNOWN_TO_BROKER' };
  const wanted = wantedOf(setting, { desired, onBroker }, question);
  const target = targetOf(setting, { desired: wanted, onBroker }, question);
  const order = compareKeeping(setting, target, onBroker);
  return {
    setting,
    onBroker,
    desired,
    target,
    change: order === 0 ? 'NONE' : order !== null && order > 0 ? 'EXTEND' : 'SHORTEN',
    blocked: isWithin(setting, { desired, target }, question)
      ? null
      : blockOf(setting, { target, wanted, desired }, question.held),
  };
}

/** True where a policy over many topics is kept by a topic that keeps its records shorter anyway. */
const isWithin = (
  setting: RetentionSetting,
  { desired, target }: { readonly desired: string; readonly target: string },
  { placed, held, approving, inForce }: RetentionQuestion,
): boolean =>
  placed &&
  !held &&
  !approving &&
  inForce[setting] === undefined &&
  (compareKeeping(setting, target, desired) ?? 1) < 0;

/** What a setting is to be, by what is wanted of it and by what a regulation asks. */
function wantedOf(
  setting: RetentionSetting,
  { desired, onBroker }: { readonly desired: string; readonly onBroker: string },
  question: RetentionQuestion,
): string {
  const kept = floored(setting, onBroker, question.minimumDays);
  return isWithin(setting, { desired, target: kept }, question)
    ? kept
    : floored(setting, desired, question.minimumDays);
}

function blockOf(
  setting: RetentionSetting,
  { target, wanted, desired }: { readonly target: string; readonly wanted: string; readonly desired: string },
  held: boolean,
): RetentionBlock | null {
  if (compareKeeping(setting, target, desired) === 0) return null;
  if (held) return 'HELD';
  return compareKeeping(setting, target, wanted) === 0 ? 'MINIMUM' : 'NEEDS_APPROVAL';
}

/** What of a setting keeps records for as long as a minimum asks: their own day and so many whole ones after it. */
function floored(setting: RetentionSetting, value: string, minimumDays: number | null): string {
  if (minimumDays === null) return value;
  if (setting === 'retention.bytes') return unlimited;
  if (setting === 'retention.ms') return longer(setting, value, String((minimumDays + 1) * 86_400_000));
  // A deletion that compaction alone would not make; compaction itself supersedes.
  return value;
}

function targetOf(
  setting: RetentionSetting,
  { desired, onBroker }: { readonly desired: string; readonly onBroker: string },
  { inForce, held, approving }: RetentionQuestion,
): string {
  if (held) return limits.includes(setting) ? unlimited : longer(setting, onBroker, desired);
  if (approving) return desired;
  const approved = inForce[setting];
  return longer(setting, approved ?? onBroker, desired);
}

/** What is in force once a policy is: what it keeps longer than before is, the rest waits for an approval. */
export function inForceUnder(policy: RetentionValues, inForce: RetentionValues): RetentionValues {
  return Object.fromEntries(
    retentionSettings.flatMap((setting) => {
      const [desired, approved] = [policy[setting], inForce[setting]];
      return desired === undefined || approved === undefined ? [] : [[setting, longer(setting, approved, desired)]];
    }),
  );
}

/** True for a step after which the broker goes by something else. */
export const isChange = ({ change }: RetentionStep): boolean => change !== 'NONE';

/**
 * Whether what a policy says, once it is approved, lets records go sooner than the broker does, or than was approved before:
 * now, or when what keeps them longer has ended. What a hold has moved goes back by itself, and what the broker does not know
 * deletes nothing.
 */
export function deletesSooner(
  { policy, inForce }: Pick<RetentionQuestion, 'policy' | 'inForce'>,
  steps: readonly RetentionStep[],
): boolean {
  return steps.some(({ setting, onBroker }) => {
    const desired = policy[setting];
    if (desired === undefined || onBroker === null) return false;
    const keptNow = [onBroker, inForce[setting] ?? onBroker];
    return keptNow.some((kept) => (compareKeeping(setting, desired, kept) ?? -1) < 0);
  });
}
