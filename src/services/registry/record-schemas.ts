import type { Actor } from '../../domain/access/actor.ts';
import { type LabelledField, labelFields } from '../../domain/registry/labels.ts';
import type { ParsedSchema, SchemaFormat } from '../../domain/registry/schema-format.ts';
import { textIdentity } from '../../domain/registry/schema-identity.ts';
import type { SchemaMetadata } from '../../domain/registry/schema-metadata.ts';
import { defaultContext, readSubjectName, type SubjectName } from '../../domain/registry/subject-name.ts';
import type { Entity } from '../../entities/entity.entity.ts';
import type { EntityField } from '../../entities/entity-version.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { SemanticTypeReadModel } from '../privacy/semantic-type.read-model.ts';
import { type CompatibilityService, incompatible } from './compatibility.service.ts';
import type { GivenSchema } from './registration.ts';
import type { RegistryReadModel } from './registry.read-model.ts';
import type { SubjectReadModel, VersionNumber } from './subject.read-model.ts';
import type { SubjectService } from './subject.service.ts';

/** How a request names the schema of its keys or of its values; the id comes before the text, the text before the version. */
export interface NamedSchema {
  readonly id: number | null;
  readonly text: string | null;
  /** Null for the topic's own subject: `<topic>-key` or `<topic>-value`. */
  readonly subject: string | null;
  readonly version: VersionNumber | null;
}

export interface RecordsOfTopic {
  readonly topic: string;
  readonly format: SchemaFormat;
}

/**
 * Finds the schema that records of a topic are written with. Values have a version of the entity mapped to the topic, or a
 * new one that goes together with the newest and takes no label from its fields: a request that brings its own schema must
 * not be the way around the protection of the old one.
 */
export class RecordSchemas {
  readonly #registry: RegistryReadModel;
  readonly #subjects: SubjectReadModel;
  readonly #service: SubjectService;
  readonly #compatibility: CompatibilityService;
  readonly #types: SemanticTypeReadModel;

  constructor(deps: {
    readonly registry: RegistryReadModel;
    readonly subjects: SubjectReadModel;
    readonly subjectService: SubjectService;
    readonly compatibility: CompatibilityService;
    readonly semanticTypes: SemanticTypeReadModel;
  }) {
    this.#registry = deps.registry;
    this.#subjects = deps.subjects;
    this.#service = deps.subjectService;
    this.#compatibility = deps.compatibility;
    this.#types = deps.semanticTypes;
  }

  /**
   * Id of the schema of values; that of the entity's newest version when none is named.
   * @throws LinewardError VALUE_SCHEMA_MISSING, SCHEMA_NOT_USABLE, SCHEMA_INVALID, SCHEMA_INCOMPATIBLE, SUBJECT_NOT_FOUND …
   */
  async ofValues(actor: Actor, records: RecordsOfTopic, entityId: string, named: NamedSchema): Promise<number> {
    const [entity] = await this.#registry.entitiesById([entityId]);
    if (entity === undefined) throw new LinewardError('NOT_FOUND', 'the entity was removed');
    const schemaId = await this.#find(actor, records, 'value', named, entity);
    if (schemaId === null) return this.#newest(entity);
    if ((await this.#registry.versionOfSchema(entity.id, schemaId)) === null)
      throw new LinewardError(
        'SCHEMA_NOT_USABLE',
        `The schema ${schemaId} is no version of ${nameOf(entity)}, the entity mapped to the topic.`,
        { path: ['value_schema_id'] },
      );
    return schemaId;
  }

  /**
   * Id of the schema of keys.
   * @throws LinewardError KEY_SCHEMA_MISSING, SCHEMA_INVALID, SCHEMA_INCOMPATIBLE, SUBJECT_NOT_FOUND …
   */
  async ofKeys(actor: Actor, records: RecordsOfTopic, named: NamedSchema): Promise<number> {
    const schemaId = await this.#find(actor, records, 'key', named, null);
    if (schemaId !== null) return schemaId;
    throw new LinewardError(
      'KEY_SCHEMA_MISSING',
      'Records with keys need key_schema_id, key_schema or key_schema_version; leave all keys out otherwise.',
      { path: ['key_schema_id'] },
    );
  }

  async #newest(entity: Entity): Promise<number> {
    const version = await this.#registry.latestVersionOnly(entity.id);
    if (version !== null) return version.schemaId;
    throw new LinewardError(
      'VALUE_SCHEMA_MISSING',
      `${nameOf(entity)} has no version; name the schema of the values.`,
      {
        path: ['value_schema_id'],
      },
    );
  }

  async #find(
    actor: Actor,
    { topic, format }: RecordsOfTopic,
    role: 'key' | 'value',
    { id, text, subject, version }: NamedSchema,
    entity: Entity | null,
  ): Promise<number | null> {
    if (id !== null) return id;
    const own = { context: defaultContext, name: `${topic}-${role}` };
    const place = subject === null ? own : readSubjectName(subject);
    if (place.context !== defaultContext)
      throw new LinewardError('SCHEMA_NOT_USABLE', 'Records are written with schemas of the default context.');
    const given = { format, references: [], metadata: null, ruleSet: null };
    if (text !== null) return this.#ofText(actor, place, { ...given, text }, entity);
    if (version === null && subject === null) return null;
    return (await this.#subjects.version(place, version ?? 'latest', 'none')).schema.id;
  }

  /** A text that the entity has already keeps its id; a new one becomes the next version of the subject. */
  async #ofText(actor: Actor, subject: SubjectName, given: GivenSchema, mapped: Entity | null): Promise<number> {
    const parsed = await this.#service.read(subject, given, false);
    const entity = await this.#entityOf(parsed);
    if (mapped !== null && entity?.id !== mapped.id)
      throw new LinewardError(
        'SCHEMA_NOT_USABLE',
        `The schema describes another record than ${nameOf(mapped)}, the entity mapped to the topic.`,
        { path: ['value_schema'] },
      );
    if (entity !== null) {
      const known = await this.#registry.schemaOfText(entity.id, textIdentity({ ...given, text: parsed.text }));
      if (known !== null) return known;
      await this.#assertFollows(subject, entity, parsed);
    }
    const registered = await this.#service.register(actor, subject, {
      ...given,
      ...{ normalize: false, id: null, version: null },
    });
    return registered.schema.id;
  }

  /** The entity that a schema would become a version of; by its name alone, as it is catalogued. */
  async #entityOf({ record }: ParsedSchema): Promise<Entity | null> {
    if (record === null) return null;
    const entity = await this.#registry.entityNamed(record.namespace, record.name);
    return entity?.namespace === record.namespace && entity.name === record.name ? entity : null;
  }

  /** @throws LinewardError SCHEMA_INCOMPATIBLE, SCHEMA_NOT_USABLE for a label that would be lost. */
  async #assertFollows(subject: SubjectName, entity: Entity, parsed: ParsedSchema): Promise<void> {
    const newest = await this.#registry.latestVersion(entity.id);
    if (newest === null) return;
    const metadata = await this.#metadataOf(subject);
    const { schemaId, number } = newest.version;
    const candidate = { parsed, metadata };
    const conflict = await this.#compatibility.conflictWithSchema(subject, { schemaId, version: number }, candidate);
    if (conflict !== null) throw incompatible(subject, conflict);
    const types = await this.#types.known();
    const fields = labelFields(parsed.fields, { record: nameOf(entity), metadata, semanticTypeOf: types.find });
    const next = new Map(fields.map((field) => [field.path, field]));
    const lost = newest.fields.find((field) => losesLabel(field, next.get(field.path)));
    if (lost === undefined) return;
    throw new LinewardError(
      'SCHEMA_NOT_USABLE',
      `The schema takes the label ${lost.semanticType ?? lost.classifications.join(', ')} from the field ${lost.path}; keep it, or register the schema in the registry first.`,
      { path: ['value_schema'] },
    );
  }

  /** The metadata that the next version of a subject inherits. */
  async #metadataOf(subject: SubjectName): Promise<SchemaMetadata | null> {
    const versions = await this.#subjects.versions(subject, 'none');
    if (versions.length === 0) return null;
    return (await this.#subjects.version(subject, 'latest', 'none')).schema.metadata;
  }
}

/** A field that is gone loses nothing: whether it may go is what compatibility says. */
function losesLabel(last: EntityField, next: LabelledField | undefined): boolean {
  if (next === undefined) return false;
  const kept = [next.semanticType, ...next.otherTypes];
  if ([last.semanticType, ...(last.shape?.otherTypes ?? [])].some((type) => type !== null && !kept.includes(type)))
    return true;
  return last.classifications.some((name) => !next.classifications.includes(name));
}

function nameOf({ namespace, name }: Entity): string {
  return namespace === '' ? name : `${namespace}.${name}`;
}
