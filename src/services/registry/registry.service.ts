import { createHash } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { canonicalJson } from '../../domain/canonical-json.ts';
import { newId } from '../../domain/id.ts';
import type { MappingRole } from '../../domain/operations/target.ts';
import { semanticTypeOf, semanticTypes } from '../../domain/privacy/semantic-type.ts';
import {
  documentCharsMax,
  type FieldPath,
  readSchemaDocument,
  type SchemaDocument,
} from '../../domain/registry/schema-document.ts';
import { type Dataset, DatasetSchema, type Mapping, MappingSchema } from '../../entities/dataset.entity.ts';
import { type Entity, EntityAliasSchema, EntitySchema } from '../../entities/entity.entity.ts';
import { EntityFieldSchema, type EntityVersion, EntityVersionSchema } from '../../entities/entity-version.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';

export interface RegisterEntityVersion {
  /** The schema document: `{version, created_by, date_created, namespace, schema}`. */
  readonly document: unknown;
  /** Further names by which the entity is found. */
  readonly aliases?: readonly string[];
}

export interface MapEntity {
  readonly entityId: string;
  readonly dataset: { readonly namespace: string; readonly name: string };
  readonly role: MappingRole;
  readonly accountField: string;
  readonly subjectFields: readonly string[];
}

/**
 * The memory of every entity: its immutable versions, what their fields are, and which datasets hold it. All other
 * capabilities ask here what a record means.
 */
export class RegistryService {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** Registers a version; the same document again answers the version it has already. */
  async registerEntityVersion(
    actor: Actor,
    input: RegisterEntityVersion,
  ): Promise<{ entity: Entity; version: EntityVersion; isNew: boolean }> {
    const document = readSchemaDocument(
      input.document,
      { names: semanticTypes.map((type) => type.name), find: semanticTypeOf },
      ['document'],
    );
    const text = canonicalJson(input.document);
    if (text.length > documentCharsMax) {
      throw new LinewardError('LIMIT_EXCEEDED', `The document is longer than ${documentCharsMax} characters.`, {
        path: ['document'],
      });
    }
    const fingerprint = createHash('sha256').update(text).digest('hex');
    return this.#em.fork().transactional(async (tx) => {
      // Two registrations of one entity number their versions one after the other.
      await tx.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [
        `entity:${document.namespace}.${document.name}`,
      ]);
      const entity = await this.#entityOf(tx, document);
      const added = await this.#addAliases(tx, entity, input.aliases ?? []);
      const known = await tx.findOne(EntityVersionSchema, { entityId: entity.id, fingerprint });
      const version =
        known ??
        (await this.#addVersion(tx, entity, document, { fingerprint, text: JSON.stringify(input.document), actor }));
      if (known === null || added.length > 0) {
        entity.catalogNamespace = known === null ? document.catalogNamespace : entity.catalogNamespace;
        entity.updatedAt = new Date();
        audit(tx, actor, {
          action: 'registerEntityVersion',
          resourceType: 'EntityVersion',
          resourceId: version.id,
          details: {
            entity: `${entity.namespace}.${entity.name}`,
            number: version.number,
            fields: document.fields.length,
            aliases: added,
          },
        });
      }
      return { entity, version, isNew: known === null };
    });
  }

  /** Says that a dataset holds records of an entity; changes an existing mapping of the two. */
  async mapEntity(actor: Actor, input: MapEntity): Promise<{ mapping: Mapping; dataset: Dataset }> {
    return this.#em.fork().transactional(async (tx) => {
      const mapped = await mapEntityIn(tx, input);
      audit(tx, actor, {
        action: 'mapEntity',
        resourceType: 'Mapping',
        resourceId: mapped.mapping.id,
        details: {
          entityId: input.entityId,
          dataset: `${input.dataset.namespace}/${input.dataset.name}`,
          role: input.role,
        },
      });
      return mapped;
    });
  }

  async #entityOf(tx: EntityManager, document: SchemaDocument): Promise<Entity> {
    const { namespace, name, catalogNamespace } = document;
    const now = new Date();
    const known = await tx.findOne(EntitySchema, { namespace, name });
    if (known !== null) return known;
    const entity = tx.create(EntitySchema, {
      id: newId(),
      namespace,
      name,
      catalogNamespace,
      createdAt: now,
      updatedAt: now,
    });
    await tx.persist(entity).flush();
    return entity;
  }

  /** Answers the aliases that are new. */
  async #addAliases(tx: EntityManager, entity: Entity, aliases: readonly string[]): Promise<readonly string[]> {
    const added: string[] = [];
    for (const [index, alias] of [...new Set(aliases)].entries()) {
      const path = ['aliases', String(index)];
      if (!/^[\w.-]{1,255}$/.test(alias)) {
        throw new LinewardError(
          'BAD_INPUT',
          `${path.join('.')}: an alias has 1 to 255 letters, digits, "_", "." or "-"`,
          { path },
        );
      }
      // Waits for another registration that adds the same alias at this moment.
      const inserted = await tx.execute<{ alias: string }[]>(
        'insert into entity_alias (alias, entity_id) values (?, ?) on conflict do nothing returning alias',
        [alias, entity.id],
      );
      if (inserted.length > 0) added.push(alias);
      else if ((await tx.findOneOrFail(EntityAliasSchema, { alias })).entityId !== entity.id) {
        throw new LinewardError('ALREADY_EXISTS', `${path.join('.')}: the alias belongs to another entity`, { path });
      }
    }
    return added;
  }

  async #addVersion(
    tx: EntityManager,
    entity: Entity,
    document: SchemaDocument,
    source: { fingerprint: string; text: string; actor: Actor },
  ): Promise<EntityVersion> {
    const [next] = await tx.execute<{ number: number; schema_id: number }[]>(
      `select coalesce(max(number), 0) + 1 as number, nextval('schema_id_seq')::int as schema_id from entity_version where entity_id = ?`,
      [entity.id],
    );
    if (next === undefined) throw new LinewardError('INTERNAL');
    const version = tx.create(EntityVersionSchema, {
      id: newId(),
      entityId: entity.id,
      number: next.number,
      schemaId: next.schema_id,
      document: source.text,
      label: document.label,
      fingerprint: source.fingerprint,
      createdBy: document.createdBy ?? source.actor.id,
      createdAt: new Date(),
    });
    await tx.persist(version).flush();
    await insertFields(tx, version.id, document.fields);
    return version;
  }
}

/** As `RegistryService.mapEntity`, inside a transaction of the caller. */
export async function mapEntityIn(
  tx: EntityManager,
  input: MapEntity,
): Promise<{ mapping: Mapping; dataset: Dataset }> {
  await assertFields(tx, input);
  const dataset = await datasetIn(tx, input.dataset);
  // Two mappings to one dataset come one after the other.
  await tx.execute('select 1 from dataset where id = ? for no key update', [dataset.id]);
  const known = await tx.findOne(MappingSchema, { entityId: input.entityId, datasetId: dataset.id });
  const facts = { role: input.role, accountField: input.accountField, subjectFields: [...input.subjectFields] };
  const mapping =
    known === null
      ? tx.create(MappingSchema, {
          id: newId(),
          entityId: input.entityId,
          datasetId: dataset.id,
          createdAt: new Date(),
          ...facts,
        })
      : tx.assign(known, facts);
  await tx.persist(mapping).flush();
  return { mapping, dataset };
}

/** The dataset of a name, made when it is not known. */
export async function datasetIn(tx: EntityManager, name: { namespace: string; name: string }): Promise<Dataset> {
  for (const part of ['namespace', 'name'] as const) {
    if (name[part].trim() === '' || name[part].length > 1_024) {
      throw new LinewardError('BAD_INPUT', `dataset.${part}: must have 1 to 1024 characters`, {
        path: ['dataset', part],
      });
    }
  }
  await tx.execute(
    'insert into dataset (id, namespace, name, created_at) values (?, ?, ?, now()) on conflict do nothing',
    [newId(), name.namespace, name.name],
  );
  return tx.findOneOrFail(DatasetSchema, { namespace: name.namespace, name: name.name });
}

async function assertFields(tx: EntityManager, input: MapEntity): Promise<void> {
  const latest = await tx.findOne(EntityVersionSchema, { entityId: input.entityId }, { orderBy: { number: 'desc' } });
  if (latest === null)
    throw new LinewardError('NOT_FOUND', 'entityId: there is no such entity', { path: ['entityId'] });
  const keys = [{ path: ['accountField'], field: input.accountField }];
  input.subjectFields.forEach((field, index) => {
    keys.push({ path: ['subjectFields', String(index)], field });
  });
  const known = await tx.find(EntityFieldSchema, { versionId: latest.id, path: { $in: keys.map((key) => key.field) } });
  for (const key of keys) {
    const field = known.find((candidate) => candidate.path === key.field);
    if (field === undefined || /[.[{]/.test(key.field)) {
      throw new LinewardError(
        'MAPPING_INVALID',
        `${key.path.join('.')}: the latest version has no top-level field of that name`,
        { path: key.path },
      );
    }
  }
}

// One statement whatever the number of fields: row-wise parameters would pass PostgreSQL's limit of 65,535.
async function insertFields(tx: EntityManager, versionId: string, fields: readonly FieldPath[]): Promise<void> {
  const rows = fields.map((field, ordinal) => ({
    id: newId(),
    version_id: versionId,
    ordinal,
    path: field.path,
    type: field.type,
    nullable: field.nullable,
    required: field.required,
    semantic_type: field.semanticType,
    classifications: field.classifications,
    doc: field.doc,
  }));
  await tx.execute(
    `insert into entity_field (id, version_id, ordinal, path, type, nullable, required, semantic_type, classifications, doc)
     select id, version_id, ordinal, path, type, nullable, required, semantic_type,
            coalesce((select array_agg(value) from jsonb_array_elements_text(classifications)), '{}'), doc
     from jsonb_to_recordset(?::jsonb) as field (id text, version_id text, ordinal integer, path text, type text,
       nullable boolean, required boolean, semantic_type text, classifications jsonb, doc text)`,
    [JSON.stringify(rows)],
  );
}
