import type { Actor } from '../../domain/access/actor.ts';
import { assertText } from '../../domain/governance/selection.ts';
import type { MinimumRetention } from '../../entities/minimum-retention.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccessGuard } from '../access/access-guard.ts';

const nameCharsMax = 200;
const reasonCharsMax = 4_000;
const daysMax = 36_500;

/** What is asked of each minimum, wherever it is. @throws LinewardError BAD_INPUT */
export function assertTerms(
  { name, days, validUntil }: Pick<MinimumRetention, 'name' | 'days' | 'validUntil'>,
  now: Date,
): void {
  assertText(name, ['name'], nameCharsMax);
  if (!Number.isInteger(days) || days < 1 || days > daysMax)
    throw new LinewardError('BAD_INPUT', `days: must be between 1 and ${daysMax}`, { path: ['days'] });
  if (validUntil !== null && validUntil <= now)
    throw new LinewardError('BAD_INPUT', 'validUntil: must lie in the future', { path: ['validUntil'] });
}

/**
 * Answers what of a minimum gets less by a change; none of one that has run out. One in compliance mode never does, whoever asks.
 * @throws LinewardError RETENTION_LOCKED, BAD_INPUT without a reason
 */
export function assertMayWeaken(
  change: {
    readonly known: MinimumRetention;
    /** Names of its parts. */
    readonly less: readonly string[];
    readonly isRemoved: boolean;
  },
  by: {
    readonly access: Pick<AccessGuard, 'may'>;
    readonly actor: Actor;
    readonly bypassReason: string | null;
    readonly now: Date;
  },
): readonly string[] {
  const { mode, validUntil } = change.known;
  const [first] = change.less;
  if (first === undefined || (validUntil !== null && validUntil <= by.now)) return [];
  const path = [change.isRemoved ? 'name' : first];
  if (mode === 'COMPLIANCE') {
    const end = validUntil === null ? 'has no end' : `ends ${validUntil.toISOString()}`;
    throw new LinewardError(
      'RETENTION_LOCKED',
      `${path.join('.')}: a minimum in compliance mode is kept as long by anybody; it ${end}`,
      { path },
    );
  }
  if (!by.access.may(by.actor, 'BYPASS_RETENTION'))
    throw new LinewardError(
      'RETENTION_LOCKED',
      `${path.join('.')}: only who may bypass retention weakens a minimum in governance mode`,
      { path },
    );
  if (by.bypassReason === null)
    throw new LinewardError('BAD_INPUT', 'bypassReason: say why the minimum is weakened', { path: ['bypassReason'] });
  assertText(by.bypassReason, ['bypassReason'], reasonCharsMax);
  return change.less;
}

/** For the audit log. */
export const bypassOf = (less: readonly string[], bypassReason: string | null) =>
  less.length === 0 ? {} : { weakened: less, bypassReason };
