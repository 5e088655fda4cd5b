import { setImmediate } from 'node:timers/promises';
import type { EntityManager } from '@mikro-orm/postgresql';
import { type Conflict, type EarlierVersion, firstConflict } from '../../domain/registry/compatibility.ts';
import { defaultLevel, type RegistryConfig } from '../../domain/registry/registry-config.ts';
import type { Incompatibility, ParsedSchema } from '../../domain/registry/schema-format.ts';
import type { SchemaMetadata } from '../../domain/registry/schema-metadata.ts';
import { defaultContext, printSubjectName, type SubjectName } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { inForce, settingsAround } from './registry-settings.ts';
import type { SchemaStore } from './schema-store.ts';
import type { SubjectVersion } from './subject-rows.ts';
import { placesOfSubject, versionBatches } from './version-batches.ts';

/** A schema that is to follow others under a subject. */
export interface Candidate {
  readonly parsed: ParsedSchema;
  readonly metadata: SchemaMetadata | null;
}

/** An earlier version that a schema does not go together with, and what the check went by. */
export interface SubjectConflict extends Conflict {
  readonly config: RegistryConfig;
}

const reservedProperty = 'confluent:reserved';

/** Compares schemas with the versions of a subject by the rules in force there. */
export class CompatibilityService {
  readonly #em: EntityManager;
  readonly #store: SchemaStore;

  constructor(deps: { readonly em: EntityManager; readonly schemaStore: SchemaStore }) {
    this.#em = deps.em;
    this.#store = deps.schemaStore;
  }

  /** The first conflict with versions of a subject, newest first; null when there is none. */
  async conflictUnder(
    subject: SubjectName,
    candidate: Candidate,
    config: RegistryConfig,
    em = this.#em.fork(),
  ): Promise<SubjectConflict | null> {
    const places = await placesOfSubject(em, subject);
    let due = config;
    for await (const batch of versionBatches(em, looksBeyondLatest(config) ? places : places.slice(0, 1))) {
      const comparable = batch.filter(({ schema }) => sameGroup(config, candidate.metadata, schema.metadata));
      if (comparable.length === 0) continue;
      const conflict = await this.conflictWith(comparable, candidate, due, em);
      if (conflict !== null) return { ...conflict, config };
      if (!isTransitive(config)) return null;
      // What the metadata reserves is a matter of the last version only.
      due = { ...config, validateFields: false };
    }
    return due === config ? this.conflictWith([], candidate, config, em) : null;
  }

  /** As `conflictUnder`, with the versions already read, newest first. */
  async conflictWith(
    versions: readonly SubjectVersion[],
    candidate: Candidate,
    config: RegistryConfig,
    em = this.#em.fork(),
  ): Promise<SubjectConflict | null> {
    const comparable = versions.filter((version) => sameGroup(config, candidate.metadata, version.schema.metadata));
    const level = config.compatibilityLevel ?? defaultLevel;
    const compared = isTransitive(config) ? comparable : comparable.slice(0, 1);
    const policy = config.compatibilityPolicy ?? 'STRICT';
    const reserved = config.validateFields === true ? await this.#reserved(candidate, compared[0], em) : null;
    if (reserved !== null) return { ...reserved, config };
    for (const [index, { version, schema }] of compared.entries()) {
      // Each may take long to read and to compare, so others have their turn in between.
      if (index > 0) await setImmediate();
      const earlier = { version, schema: await this.#store.parsed(schema, em) };
      const conflict = firstConflict(candidate.parsed, [earlier], level, policy);
      if (conflict !== null) return { ...conflict, config };
    }
    return null;
  }

  /** The conflict with a schema of the default context, wherever it stands, by the rules in force for a subject. */
  async conflictWithSchema(
    subject: SubjectName,
    earlier: { readonly schemaId: number; readonly version: number },
    candidate: Candidate,
  ): Promise<SubjectConflict | null> {
    const em = this.#em.fork();
    const schema = await this.#store.byId(defaultContext, earlier.schemaId, em);
    if (schema === null) throw new LinewardError('SCHEMA_NOT_FOUND');
    const { config } = inForce(await settingsAround(em, subject));
    const version = { subject, version: earlier.version, deleted: false, createdAt: schema.createdAt, schema };
    return this.conflictWith([version], candidate, config, em);
  }

  async #reserved(candidate: Candidate, last: SubjectVersion | undefined, em: EntityManager): Promise<Conflict | null> {
    if (last === undefined) return reservedConflict(candidate, undefined, undefined);
    const { version, schema } = last;
    return reservedConflict(candidate, last, { version, schema: await this.#store.parsed(schema, em) });
  }
}

/** Whether a check by this configuration needs more than the latest version. */
export function looksBeyondLatest(config: RegistryConfig): boolean {
  return isTransitive(config) || config.compatibilityGroup !== undefined;
}

function isTransitive(config: RegistryConfig): boolean {
  return (config.compatibilityLevel ?? defaultLevel).endsWith('_TRANSITIVE');
}

/** Versions are compared within the group that the configured metadata property divides them into. */
function sameGroup(config: RegistryConfig, one: SchemaMetadata | null, other: SchemaMetadata | null): boolean {
  const group = config.compatibilityGroup;
  return group === undefined || one?.properties?.[group] === other?.properties?.[group];
}

function reservedNames(metadata: SchemaMetadata | null): readonly string[] {
  return (metadata?.properties?.[reservedProperty] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function reservedConflict(
  candidate: Candidate,
  last: SubjectVersion | undefined,
  lastParsed: EarlierVersion | undefined,
): Conflict | null {
  const reserved = reservedNames(candidate.metadata);
  const gone = reservedNames(last?.schema.metadata ?? null).filter((name) => !reserved.includes(name));
  const fields = new Set(candidate.parsed.fields.map((field) => field.path));
  const incompatibilities: readonly Incompatibility[] = [
    ...gone.map((name) => ({
      errorType: 'RESERVED_FIELD_REMOVED',
      description: `The earlier version reserves the field "${name}" and the new schema does not`,
      path: `/metadata/properties/${reservedProperty}`,
      additionalInfo: name,
      suggestion: `Keep "${name}" in the property ${reservedProperty} of the metadata.`,
    })),
    ...reserved
      .filter((name) => fields.has(name))
      .map((name) => ({
        errorType: 'FIELD_CONFLICTS_WITH_RESERVED_FIELD',
        description: `The schema has a field "${name}", which its metadata reserves`,
        path: `/fields/${name}`,
        additionalInfo: name,
        suggestion: `Give the field another name, or take "${name}" out of ${reservedProperty}.`,
      })),
  ];
  if (incompatibilities.length === 0) return null;
  return { version: lastParsed?.version ?? 0, schema: lastParsed?.schema ?? candidate.parsed, incompatibilities };
}

/** The conflict as Confluent's registry lists it for `verbose` answers and refusals. */
export function conflictMessages(conflict: SubjectConflict): readonly string[] {
  const { incompatibilities, version, schema, config } = conflict;
  return [
    ...incompatibilities.map(
      ({ errorType, description, path, additionalInfo, suggestion }) =>
        `{errorType:'${errorType}', description:'${description}. ${suggestion}', additionalInfo:'${additionalInfo}', path:'${path}'}`,
    ),
    ...(version === 0 ? [] : [`{oldSchemaVersion: ${version}}`, `{oldSchema: '${schema.text}'}`]),
    `{validateFields: '${config.validateFields === true}', compatibility: '${config.compatibilityLevel ?? defaultLevel}'}`,
  ];
}

/** The refusal of a schema that does not go together with an earlier version. */
export function incompatible(subject: SubjectName, conflict: SubjectConflict): LinewardError {
  const details = conflictMessages(conflict).join(', ').slice(0, 16_384);
  return new LinewardError(
    'SCHEMA_INCOMPATIBLE',
    `Schema being registered is incompatible with an earlier schema for subject "${printSubjectName(subject)}", details: [${details}]`,
    { path: ['schema'], details: { version: conflict.version, incompatibilities: conflict.incompatibilities } },
  );
}
