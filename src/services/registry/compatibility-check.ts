import { setImmediate } from 'node:timers/promises';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { SemanticTypes } from '../../domain/privacy/semantic-type.ts';
import type { CompatibilityLevel } from '../../domain/registry/compatibility.ts';
import { labelFields } from '../../domain/registry/labels.ts';
import { defaultLevel, type RegistryConfig, withConfigured } from '../../domain/registry/registry-config.ts';
import { readSchemaDocument } from '../../domain/registry/schema-document.ts';
import type { CompatibilityPolicy, Incompatibility, ParsedSchema } from '../../domain/registry/schema-format.ts';
import type { SchemaMetadata } from '../../domain/registry/schema-metadata.ts';
import {
  defaultContext,
  printSubjectName,
  readSubjectName,
  type SubjectName,
} from '../../domain/registry/subject-name.ts';
import { type ClassificationChange, type ComparedField, diffFields } from '../../domain/registry/version-diff.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { SemanticTypeReadModel } from '../privacy/semantic-type.read-model.ts';
import type { CompatibilityService } from './compatibility.service.ts';
import type { GivenSchema } from './registration.ts';
import { inForce, settingsAround } from './registry-settings.ts';
import type { SchemaStore } from './schema-store.ts';
import type { SubjectReadModel } from './subject.read-model.ts';
import type { SubjectService } from './subject.service.ts';
import type { SubjectVersion } from './subject-rows.ts';
import { placesOfSubject, versionBatches } from './version-batches.ts';

/** What would be registered: a schema document, or a schema under a subject. */
export interface CheckedSchema {
  readonly document?: unknown;
  readonly subject?: string | undefined;
  readonly schema?: GivenSchema | undefined;
}

/** Rules to check by instead of those in force. */
export interface CheckRules {
  readonly level?: CompatibilityLevel | undefined;
  readonly policy?: CompatibilityPolicy | undefined;
}

/** A broken rule, and the earlier version that breaks it. */
export interface VersionIncompatibility extends Incompatibility {
  readonly version: number;
}

export interface CompatibilityReport {
  /** Qualified name of the subject. */
  readonly subject: string;
  readonly compatible: boolean;
  readonly level: CompatibilityLevel;
  readonly policy: CompatibilityPolicy;
  /** Versions that it was compared with, newest first. */
  readonly comparedWith: readonly number[];
  readonly incompatibilities: readonly VersionIncompatibility[];
  /** Against the latest version. */
  readonly classificationChanges: readonly ClassificationChange[];
}

interface Candidate {
  readonly subject: SubjectName;
  readonly parsed: ParsedSchema;
  /** As given; null keeps what the latest version has. */
  readonly metadata: SchemaMetadata | null;
}

/** No further versions are compared once as many rules are broken. */
const toldMax = 1_000;

/** Says what a registration would answer, and registers nothing. */
export class CompatibilityCheck {
  readonly #em: EntityManager;
  readonly #compatibility: CompatibilityService;
  readonly #subjects: SubjectReadModel;
  readonly #subjectService: SubjectService;
  readonly #store: SchemaStore;
  readonly #types: SemanticTypeReadModel;

  constructor(deps: {
    readonly em: EntityManager;
    readonly compatibility: CompatibilityService;
    readonly subjects: SubjectReadModel;
    readonly subjectService: SubjectService;
    readonly schemaStore: SchemaStore;
    readonly semanticTypes: SemanticTypeReadModel;
  }) {
    this.#em = deps.em;
    this.#compatibility = deps.compatibility;
    this.#subjects = deps.subjects;
    this.#subjectService = deps.subjectService;
    this.#store = deps.schemaStore;
    this.#types = deps.semanticTypes;
  }

  /**
   * Compares a schema with the versions of its subject as their level asks; an unknown subject has none.
   * @throws LinewardError BAD_INPUT, SUBJECT_INVALID, SCHEMA_INVALID, FIELD_DUPLICATE, SEMANTIC_TYPE_UNKNOWN, LIMIT_EXCEEDED …
   */
  async check(given: CheckedSchema, rules: CheckRules): Promise<CompatibilityReport> {
    const candidate = await this.#candidate(given);
    const { subject, parsed } = candidate;
    const configured = inForce(await settingsAround(this.#em.fork(), subject)).config;
    const level = rules.level ?? configured.compatibilityLevel ?? defaultLevel;
    const policy = rules.policy ?? configured.compatibilityPolicy ?? 'STRICT';
    const config = { ...configured, compatibilityLevel: level, compatibilityPolicy: policy };
    const em = this.#em.fork();
    const places = await placesOfSubject(em, subject);
    const [latest] = await firstOf(versionBatches(em, places.slice(0, 1)));
    const metadata = metadataOf(candidate, config, latest);
    const compared = await this.#compared(versionBatches(em, places), { parsed, metadata }, config);
    return {
      subject: printSubjectName(subject),
      compatible: compared.incompatibilities.length === 0,
      level,
      policy,
      ...compared,
      classificationChanges: await this.#classificationChanges(latest, { parsed, metadata }),
    };
  }

  async #candidate({ document, subject, schema }: CheckedSchema): Promise<Candidate> {
    if (document !== undefined && subject === undefined && schema === undefined) {
      const read = readSchemaDocument(document, await this.#types.known(), ['input', 'document']);
      const name = { context: defaultContext, name: `${read.namespace}.${read.name}` };
      return { subject: name, parsed: read.schema, metadata: null };
    }
    if (document === undefined && subject !== undefined && schema !== undefined) {
      const name = await this.#subjects.aliased(readSubjectName(subject));
      const parsed = await this.#subjectService.read(name, schema, false);
      return { subject: name, parsed, metadata: schema.metadata };
    }
    throw new LinewardError('BAD_INPUT', 'input: give either `document`, or `subject` and `schema`', {
      path: ['input'],
    });
  }

  /** One version after the other, so that each says what it does not go together with. */
  async #compared(
    batches: AsyncIterable<readonly SubjectVersion[]>,
    candidate: { readonly parsed: ParsedSchema; readonly metadata: SchemaMetadata | null },
    config: RegistryConfig & { readonly compatibilityLevel: CompatibilityLevel },
  ): Promise<Pick<CompatibilityReport, 'comparedWith' | 'incompatibilities'>> {
    const group = config.compatibilityGroup;
    const own = (metadata: SchemaMetadata | null): string | undefined =>
      group === undefined ? undefined : metadata?.properties?.[group];
    const { compatibilityLevel: level } = config;
    const comparedWith: number[] = [];
    const incompatibilities: VersionIncompatibility[] = [];
    if (level === 'NONE') return { comparedWith, incompatibilities };
    for await (const batch of batches) {
      for (const version of batch.filter(({ schema }) => own(schema.metadata) === own(candidate.metadata))) {
        // Each may take long to read and to compare, so others have their turn in between.
        await setImmediate();
        // What the metadata reserves is a matter of the last version only.
        const rules = comparedWith.length === 0 ? config : { ...config, validateFields: false };
        const conflict = await this.#compatibility.conflictWith([version], candidate, rules);
        comparedWith.push(version.version);
        for (const found of conflict?.incompatibilities ?? [])
          incompatibilities.push({ ...found, version: version.version });
        if (!level.endsWith('_TRANSITIVE') || incompatibilities.length >= toldMax)
          return { comparedWith, incompatibilities };
      }
    }
    return { comparedWith, incompatibilities };
  }

  async #classificationChanges(
    latest: SubjectVersion | undefined,
    candidate: { readonly parsed: ParsedSchema; readonly metadata: SchemaMetadata | null },
  ): Promise<readonly ClassificationChange[]> {
    if (latest === undefined) return [];
    const before = await this.#store.parsed(latest.schema);
    const types = await this.#types.known();
    return diffFields(
      labelled(before, latest.schema.metadata, types),
      labelled(candidate.parsed, candidate.metadata, types),
    ).classificationChanges;
  }
}

async function firstOf<T>(batches: AsyncGenerator<readonly T[]>): Promise<readonly T[]> {
  const { value, done } = await batches.next();
  return done === true ? [] : value;
}

function metadataOf(
  candidate: Candidate,
  config: RegistryConfig,
  latest: SubjectVersion | undefined,
): SchemaMetadata | null {
  const metadata = candidate.metadata ?? latest?.schema.metadata ?? null;
  return withConfigured(config, { metadata, ruleSet: null }).metadata;
}

function labelled(
  parsed: ParsedSchema,
  metadata: SchemaMetadata | null,
  types: SemanticTypes,
): readonly ComparedField[] {
  const { namespace, name } = parsed.record ?? { namespace: '', name: '' };
  const record = namespace === '' ? name : `${namespace}.${name}`;
  return labelFields(parsed.fields, { record, metadata, semanticTypeOf: types.find });
}
