import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';
import { type CompatibilityLevel, readCompatibilityLevel } from './compatibility.ts';
import { type CompatibilityPolicy, compatibilityPolicies } from './schema-format.ts';
import {
  mergeMetadata,
  mergeRuleSets,
  type RuleSet,
  readMetadata,
  readRuleSet,
  type SchemaMetadata,
} from './schema-metadata.ts';
import { readSubjectName } from './subject-name.ts';

/** What was configured at one place: a subject, a context, or everything. A key that is absent is inherited. */
export interface RegistryConfig {
  /** Another subject that requests for this one mean. */
  readonly alias?: string;
  readonly normalize?: boolean;
  /** Refuses fields that `confluent:reserved` of the metadata reserves. */
  readonly validateFields?: boolean;
  readonly validateRules?: boolean;
  readonly compatibilityLevel?: CompatibilityLevel;
  readonly compatibilityPolicy?: CompatibilityPolicy;
  /** Metadata property whose value divides the versions of a subject; only versions of one group are compared. */
  readonly compatibilityGroup?: string;
  readonly defaultMetadata?: SchemaMetadata;
  readonly overrideMetadata?: SchemaMetadata;
  readonly defaultRuleSet?: RuleSet;
  readonly overrideRuleSet?: RuleSet;
}

/** What is in force where nothing was configured. */
export const defaultLevel: CompatibilityLevel = 'BACKWARD';

const text = z.string().max(1_024).nullish();
const flag = z.boolean().nullish();
const update = z.object({
  alias: text,
  normalize: flag,
  validateFields: flag,
  validateRules: flag,
  compatibilityLevel: z.unknown().optional(),
  compatibility: z.unknown().optional(),
  compatibilityPolicy: z.unknown().optional(),
  compatibilityGroup: text,
  defaultMetadata: z.unknown().optional(),
  overrideMetadata: z.unknown().optional(),
  defaultRuleSet: z.unknown().optional(),
  overrideRuleSet: z.unknown().optional(),
});

/** A change of configuration: an absent key stays, null removes it. */
export type RegistryConfigUpdate = { readonly [Key in keyof RegistryConfig]: RegistryConfig[Key] | null };

/**
 * The body of a configuration request; keys it does not know are left out.
 * @throws LinewardError COMPATIBILITY_LEVEL_INVALID, SUBJECT_INVALID, SCHEMA_INVALID, RULE_SET_INVALID or BAD_INPUT
 */
export function readConfigUpdate(body: unknown): RegistryConfigUpdate {
  const parsed = update.safeParse(body);
  if (!parsed.success) {
    const place = (parsed.error.issues[0]?.path ?? []).map(String);
    throw new LinewardError(
      'BAD_INPUT',
      `${place.join('.') || 'body'}: ${parsed.error.issues[0]?.message ?? 'is not valid'}`,
      {
        path: place,
      },
    );
  }
  const { compatibility, compatibilityLevel = compatibility, compatibilityPolicy, ...rest } = parsed.data;
  // An alias that no request could follow would lock the subject; an empty one is none.
  if (typeof rest.alias === 'string' && rest.alias !== '') readSubjectName(rest.alias);
  const given: Record<string, unknown> = {
    ...rest,
    compatibilityLevel: kept(compatibilityLevel, readCompatibilityLevel),
    compatibilityPolicy: kept(compatibilityPolicy, readPolicy),
    defaultMetadata: kept(rest.defaultMetadata, (value) => readMetadata(value, 'defaultMetadata')),
    overrideMetadata: kept(rest.overrideMetadata, (value) => readMetadata(value, 'overrideMetadata')),
    defaultRuleSet: kept(rest.defaultRuleSet, (value) => readRuleSet(value, 'defaultRuleSet')),
    overrideRuleSet: kept(rest.overrideRuleSet, (value) => readRuleSet(value, 'overrideRuleSet')),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function kept<T>(value: unknown, read: (value: unknown) => T): T | null | undefined {
  return value === undefined || value === null ? value : read(value);
}

function readPolicy(value: unknown): CompatibilityPolicy {
  const found = compatibilityPolicies.find((policy) => policy === value);
  if (found === undefined) {
    throw new LinewardError(
      'COMPATIBILITY_LEVEL_INVALID',
      `Invalid compatibility policy. Valid values are ${compatibilityPolicies.join(', ')}.`,
      { path: ['compatibilityPolicy'] },
    );
  }
  return found;
}

/** A configuration after a change; null when nothing is left of it. */
export function changedConfig(before: RegistryConfig, change: RegistryConfigUpdate): RegistryConfig | null {
  const entries = Object.entries({ ...before, ...change }).filter(([, value]) => value !== null);
  return entries.length === 0 ? null : Object.fromEntries(entries);
}

/** What is in force for a subject: `places` from the subject outwards. */
export function effectiveConfig(places: readonly RegistryConfig[]): RegistryConfig {
  return Object.assign({}, ...places.toReversed());
}

/** The metadata and rules that a schema is registered with: over the defaults what was given, over that the overrides. */
export function withConfigured(
  config: RegistryConfig,
  given: { readonly metadata: SchemaMetadata | null; readonly ruleSet: RuleSet | null },
): { readonly metadata: SchemaMetadata | null; readonly ruleSet: RuleSet | null } {
  return {
    metadata: mergeMetadata(
      mergeMetadata(config.defaultMetadata ?? null, given.metadata),
      config.overrideMetadata ?? null,
    ),
    ruleSet: mergeRuleSets(mergeRuleSets(config.defaultRuleSet ?? null, given.ruleSet), config.overrideRuleSet ?? null),
  };
}
