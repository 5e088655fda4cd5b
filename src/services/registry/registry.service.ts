import { createHash } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { canonicalJson } from '../../domain/canonical-json.ts';
import { newId } from '../../domain/id.ts';
import type { MappingRole } from '../../domain/operations/target.ts';
import { documentCharsMax, readSchemaDocument, type SchemaDocument } from '../../domain/registry/schema-document.ts';
import { defaultContext } from '../../domain/registry/subject-name.ts';
import { type Dataset, DatasetSchema, type Mapping, MappingSchema } from '../../entities/dataset.entity.ts';
import { type Entity, EntitySchema } from '../../entities/entity.entity.ts';
import { EntityFieldSchema, type EntityVersion, EntityVersionSchema } from '../../entities/entity-version.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import type { SemanticTypeReadModel } from '../privacy/semantic-type.read-model.ts';
import { writeEntityVersion } from './catalog-writes.ts';
import type { SubjectConflict } from './compatibility.service.ts';
import { addAliases, assertAliases } from './entity-aliases.ts';
import type { RegisterSchema } from './registration.ts';
import type { SubjectService } from './subject.service.ts';
import { contended } from './subject-writes.ts';

export interface RegisterEntityVersion {
  /** The schema document: `{version, created_by, date_created, namespace, schema}`. */
  readonly document: unknown;
  /** Further names by which the entity is found. */
  readonly aliases?: readonly string[];
}

export interface RegisteredEntityVersion {
  readonly entity: Entity;
  readonly version: EntityVersion;
  /** False when the document was registered before. */
  readonly isNew: boolean;
  /** What the schema does not go together with; null when it goes together with all that it was compared with. */
  readonly conflict: SubjectConflict | null;
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
  readonly #subjects: SubjectService;
  readonly #types: SemanticTypeReadModel;

  constructor(deps: {
    readonly em: EntityManager;
    readonly subjectService: SubjectService;
    readonly semanticTypes: SemanticTypeReadModel;
  }) {
    this.#em = deps.em;
    this.#subjects = deps.subjectService;
    this.#types = deps.semanticTypes;
  }

  /**
   * Registers a document as the next version of its entity, and its schema under the subject of the record's name. The same
   * document again answers the version it has already. Where nobody has set a compatibility level, a conflict with the
   * version before does not refuse the document; it is answered.
   * @throws LinewardError SCHEMA_INVALID, FIELD_DUPLICATE, SEMANTIC_TYPE_UNKNOWN, SCHEMA_INCOMPATIBLE, LIMIT_EXCEEDED …
   */
  async registerEntityVersion(actor: Actor, input: RegisterEntityVersion): Promise<RegisteredEntityVersion> {
    const document = readSchemaDocument(input.document, await this.#types.known(), ['document']);
    const text = canonicalJson(input.document);
    if (text.length > documentCharsMax) {
      throw new LinewardError('LIMIT_EXCEEDED', `The document is longer than ${documentCharsMax} characters.`, {
        path: ['document'],
      });
    }
    const aliases = input.aliases ?? [];
    assertAliases(aliases);
    const fingerprint = createHash('sha256').update(text).digest('hex');
    const written = await contended(() =>
      this.#em.fork().transactional(async (tx) => {
        const subject = { context: defaultContext, name: `${document.namespace}.${document.name}` };
        const { schemaId, conflict } = await this.#subjects.registerIn(tx, subject, schemaOf(document));
        const version = await writeEntityVersion(tx, {
          namespace: document.namespace,
          name: document.name,
          catalogNamespace: document.catalogNamespace,
          schemaId,
          document: JSON.stringify(input.document),
          label: document.label,
          fingerprint,
          createdBy: document.createdBy ?? actor.id,
          fields: document.fields,
        });
        const added = await addAliases(tx, actor, { entityId: version.entityId, aliases });
        if (version.isNew || added.length > 0)
          audit(tx, actor, {
            action: 'registerEntityVersion',
            resourceType: 'EntityVersion',
            resourceId: version.versionId,
            details: { entity: subject.name, number: version.number, fields: document.fields.length, aliases: added },
          });
        return { ...version, conflict };
      }),
    );
    const em = this.#em.fork();
    const entity = await em.findOneOrFail(EntitySchema, { id: written.entityId });
    const version = await em.findOneOrFail(EntityVersionSchema, { id: written.versionId });
    return { entity, version, isNew: written.isNew, conflict: written.conflict };
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
}

function schemaOf({ schema }: SchemaDocument): RegisterSchema {
  const { text } = schema;
  const more = { references: [], metadata: null, ruleSet: null, normalize: false, id: null, version: null };
  return { format: 'AVRO', text, ...more };
}

/** As `RegistryService.mapEntity`, inside a transaction of the caller. */
export async function mapEntityIn(
  tx: EntityManager,
  input: MapEntity,
): Promise<{ mapping: Mapping; dataset: Dataset }> {
  await assertKeyFields(tx, input);
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
          ...(await gateOf(tx, dataset)),
          createdAt: new Date(),
          ...facts,
        })
      : tx.assign(known, facts);
  await tx.persist(mapping).flush();
  return { mapping, dataset };
}

/** A topic has one gate, whichever of its entities the records are of. */
async function gateOf(
  tx: EntityManager,
  { id: datasetId }: Dataset,
): Promise<Pick<Mapping, 'protectOnProduce' | 'refuseUntagged'>> {
  const { protectOnProduce = false, refuseUntagged = false } = (await tx.findOne(MappingSchema, { datasetId })) ?? {};
  return { protectOnProduce, refuseUntagged };
}

/** The dataset of a name, be it one that a topic had before it was rewritten; made when it is not known. */
export async function datasetIn(tx: EntityManager, name: { namespace: string; name: string }): Promise<Dataset> {
  for (const part of ['namespace', 'name'] as const) {
    if (name[part].trim() === '' || name[part].length > 1_024) {
      throw new LinewardError('BAD_INPUT', `dataset.${part}: must have 1 to 1024 characters`, {
        path: ['dataset', part],
      });
    }
  }
  const [renamed] = await tx.execute<{ dataset_id: string }[]>(
    'select dataset_id from topic_alias where namespace = ? and name = ?',
    [name.namespace, name.name],
  );
  if (renamed !== undefined) return tx.findOneOrFail(DatasetSchema, { id: renamed.dataset_id });
  await tx.execute(
    `insert into dataset (id, namespace, name, created_at) values (?, ?, ?, now())
     on conflict (namespace, name) do update set named_only = false where dataset.named_only`,
    [newId(), name.namespace, name.name],
  );
  return tx.findOneOrFail(DatasetSchema, { namespace: name.namespace, name: name.name });
}

/** @throws LinewardError NOT_FOUND; MAPPING_INVALID unless the latest version has the fields, at its top level. */
export async function assertKeyFields(
  tx: EntityManager,
  input: Pick<MapEntity, 'entityId' | 'accountField' | 'subjectFields'>,
): Promise<void> {
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
