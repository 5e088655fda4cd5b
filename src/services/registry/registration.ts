import { withConfigured } from '../../domain/registry/registry-config.ts';
import type { RegistryMode } from '../../domain/registry/registry-mode.ts';
import type { SchemaFormat } from '../../domain/registry/schema-format.ts';
import { type SchemaContent, type SchemaReference, schemaIdentity } from '../../domain/registry/schema-identity.ts';
import type { RuleSet, SchemaMetadata } from '../../domain/registry/schema-metadata.ts';
import { printSubjectName, type SubjectName } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { SubjectVersion } from './subject-rows.ts';
import type { Situation } from './subject-situation.ts';

/** A schema as a client sends it. */
export interface GivenSchema {
  readonly format: SchemaFormat;
  readonly text: string;
  readonly references: readonly SchemaReference[];
  /** Null when not given: what the version before has is kept. */
  readonly metadata: SchemaMetadata | null;
  readonly ruleSet: RuleSet | null;
}

export interface RegisterSchema extends GivenSchema {
  /** Brings the schema to its normal form first. */
  readonly normalize: boolean;
  /** An id that must be kept, in IMPORT mode only. */
  readonly id: number | null;
  /** The number that the version is to have: in IMPORT mode any, else the next. */
  readonly version: number | null;
}

/** What is registered: the schema with the metadata and rules that it is given, keeps or must have. */
export function contentOf(situation: Situation, given: RegisterSchema, text: string): SchemaContent {
  const { format, references } = given;
  if (situation.settings.mode === 'IMPORT')
    return { format, text, references, metadata: given.metadata, ruleSet: given.ruleSet };
  const before = situation.latest?.schema;
  const own = {
    metadata: given.metadata ?? before?.metadata ?? null,
    ruleSet: given.ruleSet ?? before?.ruleSet ?? null,
  };
  return { format, text, references, ...withConfigured(situation.settings.config, own) };
}

/** The version that has the content already, null when there is none. */
export function knownVersion(
  situation: Situation,
  content: SchemaContent,
  given: RegisterSchema,
): SubjectVersion | null {
  if (situation.sameText.length === 0) return null;
  const identity = schemaIdentity(content);
  const asked = situation.sameText.filter(({ version }) => given.version === null || given.version === version);
  const exact = asked.find(({ schema }) => schema.identity === identity);
  if (exact !== undefined) return exact;
  const { config } = situation.settings;
  const isConfigured = [config.defaultMetadata, config.overrideMetadata, config.defaultRuleSet, config.overrideRuleSet];
  const free = given.metadata === null && given.ruleSet === null && isConfigured.every((part) => part === undefined);
  return (free ? asked[0] : undefined) ?? null;
}

/** @throws LinewardError SCHEMA_ID_MISMATCH when the caller brought another id. */
export function assertId(id: number, given: RegisterSchema): void {
  if (given.id === null || given.id === id) return;
  throw new LinewardError(
    'SCHEMA_ID_MISMATCH',
    `Schema already registered with id ${id} instead of input id ${given.id}`,
    {
      path: ['id'],
    },
  );
}

/** @throws LinewardError REGISTRY_NOT_PERMITTED when the mode forbids the registration. */
export function assertMode(subject: SubjectName, mode: RegistryMode, id: number | null): void {
  const name = `Subject ${printSubjectName(subject)} in context ${subject.context}`;
  const refuse = (reason: string): LinewardError =>
    new LinewardError('REGISTRY_NOT_PERMITTED', `${name} is ${reason}`, { path: ['subject'] });
  if (mode === 'READONLY' || mode === 'READONLY_OVERRIDE') throw refuse('in read-only mode');
  if (id !== null && mode !== 'IMPORT') throw refuse('not in import mode');
  if (id === null && mode !== 'READWRITE') throw refuse('not in read-write mode');
}
