import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';

const textMap = z.record(z.string(), z.string());
const absent = <T extends z.ZodType>(type: T) => type.nullish().transform((value) => value ?? undefined);

const ruleModes = ['UPGRADE', 'DOWNGRADE', 'UPDOWN', 'WRITE', 'READ', 'WRITEREAD'] as const;
const migrationModes: readonly string[] = ['UPGRADE', 'DOWNGRADE', 'UPDOWN'];

const metadataShape = z.object({
  tags: absent(z.record(z.string(), z.array(z.string()))),
  properties: absent(textMap),
  sensitive: absent(z.array(z.string())),
});

const ruleShape = z.object({
  name: z.string().min(1),
  doc: absent(z.string()),
  kind: absent(z.enum(['TRANSFORM', 'CONDITION'])),
  mode: absent(z.enum(ruleModes)),
  type: z.string().min(1),
  tags: absent(z.array(z.string())),
  params: absent(textMap),
  expr: absent(z.string()),
  onSuccess: absent(z.string()),
  onFailure: absent(z.string()),
  disabled: absent(z.boolean()),
});

const ruleSetShape = z.object({
  migrationRules: absent(z.array(ruleShape)),
  domainRules: absent(z.array(ruleShape)),
  encodingRules: absent(z.array(ruleShape)),
  enableAt: absent(z.string()),
});

/** Facts beside a schema: tags by path pattern, free properties, and which of these are sensitive. */
export interface SchemaMetadata {
  readonly tags?: Readonly<Record<string, readonly string[]>>;
  readonly properties?: Readonly<Record<string, string>>;
  readonly sensitive?: readonly string[];
}

interface Rule {
  readonly name: string;
  readonly mode?: string;
  readonly [attribute: string]: unknown;
}

/** Rules that clients run on messages; the registry keeps and answers them. */
export interface RuleSet {
  readonly migrationRules?: readonly Rule[];
  readonly domainRules?: readonly Rule[];
  readonly encodingRules?: readonly Rule[];
  readonly enableAt?: string;
}

function firstIssue(error: z.ZodError, place: string): { path: string[]; text: string } {
  const issue = error.issues[0];
  const path = [place, ...(issue?.path ?? []).map(String)];
  return { path, text: `${path.join('.')}: ${issue?.message ?? 'is not valid'}` };
}

function withoutAbsent<T>(value: unknown): T {
  return JSON.parse(JSON.stringify(value));
}

/**
 * The metadata of a request, without its empty parts; null when there is none.
 * @throws LinewardError SCHEMA_INVALID
 */
export function readMetadata(value: unknown, place = 'metadata'): SchemaMetadata | null {
  if (value === undefined || value === null) return null;
  const parsed = metadataShape.safeParse(value);
  if (parsed.success) return withoutAbsent(parsed.data);
  const { path, text } = firstIssue(parsed.error, place);
  throw new LinewardError('SCHEMA_INVALID', text, { path });
}

/**
 * The rules of a request: names are unique, migration rules migrate, domain rules read or write.
 * @throws LinewardError RULE_SET_INVALID
 */
export function readRuleSet(value: unknown, place = 'ruleSet'): RuleSet | null {
  if (value === undefined || value === null) return null;
  const parsed = ruleSetShape.safeParse(value);
  if (!parsed.success) {
    const { path, text } = firstIssue(parsed.error, place);
    throw new LinewardError('RULE_SET_INVALID', text, { path });
  }
  const rules = withoutAbsent<RuleSet>(parsed.data);
  const { migrationRules = [], domainRules = [], encodingRules = [] } = rules;
  checkRules(migrationRules, [place, 'migrationRules'], (mode) => migrationModes.includes(mode));
  checkRules(domainRules, [place, 'domainRules'], (mode) => !migrationModes.includes(mode));
  checkRules(encodingRules, [place, 'encodingRules'], (mode) => !migrationModes.includes(mode));
  return rules;
}

function checkRules(rules: readonly Rule[], place: readonly string[], fits: (mode: string) => boolean): void {
  const seen = new Set<string>();
  rules.forEach((rule, index) => {
    const path = [...place, String(index)];
    if (seen.has(rule.name))
      throw new LinewardError('RULE_SET_INVALID', `${path.join('.')}.name: another rule has this name`, { path });
    seen.add(rule.name);
    if (rule.mode !== undefined && !fits(rule.mode))
      throw new LinewardError(
        'RULE_SET_INVALID',
        `${path.join('.')}.mode: ${rule.mode} has no place among these rules`,
        {
          path: [...path, 'mode'],
        },
      );
  });
}

/** Later metadata over earlier, key by key. */
export function mergeMetadata(base: SchemaMetadata | null, over: SchemaMetadata | null): SchemaMetadata | null {
  if (base === null || over === null) return over ?? base;
  const sensitive = [...new Set([...(base.sensitive ?? []), ...(over.sensitive ?? [])])];
  return withoutAbsent({
    tags: base.tags === undefined && over.tags === undefined ? undefined : { ...base.tags, ...over.tags },
    properties:
      base.properties === undefined && over.properties === undefined
        ? undefined
        : { ...base.properties, ...over.properties },
    sensitive: sensitive.length === 0 ? undefined : sensitive,
  });
}

/** Later rules over earlier, by name. */
export function mergeRuleSets(base: RuleSet | null, over: RuleSet | null): RuleSet | null {
  if (base === null || over === null) return over ?? base;
  const rules = (one: readonly Rule[] | undefined, other: readonly Rule[] | undefined): Rule[] | undefined =>
    one === undefined && other === undefined
      ? undefined
      : [...new Map([...(one ?? []), ...(other ?? [])].map((rule) => [rule.name, rule])).values()];
  return withoutAbsent({
    migrationRules: rules(base.migrationRules, over.migrationRules),
    domainRules: rules(base.domainRules, over.domainRules),
    encodingRules: rules(base.encodingRules, over.encodingRules),
    enableAt: over.enableAt ?? base.enableAt,
  });
}
