import { LinewardError } from '../../errors/lineward-error.ts';
import type { CompatibilityPolicy, Incompatibility, ParsedSchema } from './schema-format.ts';

export const compatibilityLevels = [
  'NONE',
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE',
] as const;
/** Who must be able to read whose data: BACKWARD is the next reading the last, FORWARD the last reading the next, FULL both. */
export type CompatibilityLevel = (typeof compatibilityLevels)[number];

/** @throws LinewardError COMPATIBILITY_LEVEL_INVALID */
export function readCompatibilityLevel(value: unknown): CompatibilityLevel {
  const found = compatibilityLevels.find((level) => typeof value === 'string' && level === value.toUpperCase());
  if (found === undefined) {
    throw new LinewardError(
      'COMPATIBILITY_LEVEL_INVALID',
      `Invalid compatibility level. Valid values are ${compatibilityLevels.join(', ')}.`,
      { path: ['compatibility'] },
    );
  }
  return found;
}

/** One of the earlier versions that a schema was compared with. */
export interface EarlierVersion {
  readonly version: number;
  readonly schema: ParsedSchema;
}

/** The first earlier version that does not go together with a schema, and why. */
export interface Conflict {
  readonly version: number;
  readonly schema: ParsedSchema;
  readonly incompatibilities: readonly Incompatibility[];
}

/**
 * Compares a schema with earlier versions, newest first, as its level asks: the last one only, or all of them. Answers the
 * first conflict, null when there is none.
 */
export function firstConflict(
  next: ParsedSchema,
  earlier: Iterable<EarlierVersion>,
  level: CompatibilityLevel,
  policy: CompatibilityPolicy,
): Conflict | null {
  if (level === 'NONE') return null;
  const direction = level.replace('_TRANSITIVE', '');
  for (const { version, schema } of earlier) {
    const incompatibilities = between(next, schema, direction, policy);
    if (incompatibilities.length > 0) return { version, schema, incompatibilities };
    if (direction === level) return null;
  }
  return null;
}

function between(
  next: ParsedSchema,
  last: ParsedSchema,
  direction: string,
  policy: CompatibilityPolicy,
): readonly Incompatibility[] {
  if (next.format !== last.format) return [formatChanged(next, last)];
  const backward = direction === 'FORWARD' ? [] : next.incompatibilitiesWith(last, policy);
  const forward = direction === 'BACKWARD' ? [] : last.incompatibilitiesWith(next, policy);
  return [...backward, ...forward];
}

function formatChanged(next: ParsedSchema, last: ParsedSchema): Incompatibility {
  return {
    errorType: 'SCHEMA_TYPE_CHANGED',
    description: `The schema is ${next.format} and the earlier version is ${last.format}; data of one cannot be read with the other`,
    path: '/',
    additionalInfo: next.format,
    suggestion: `Register it under another subject, or write it as ${last.format}.`,
  };
}
