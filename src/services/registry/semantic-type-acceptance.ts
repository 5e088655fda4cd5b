import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { defaultContext, type SubjectName } from '../../domain/registry/subject-name.ts';
import type { Entity } from '../../entities/entity.entity.ts';
import type { EntityField, EntityVersion } from '../../entities/entity-version.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import type { SemanticTypeReadModel } from '../privacy/semantic-type.read-model.ts';
import type { RegistryReadModel } from './registry.read-model.ts';
import type { SubjectReadModel } from './subject.read-model.ts';
import type { SubjectService } from './subject.service.ts';
import type { SubjectVersion } from './subject-rows.ts';

export interface AcceptSemanticType {
  readonly entityId: string;
  readonly path: string;
  readonly semanticType: string;
  /** Number of the version that was looked at; another one by now is a conflict. */
  readonly expectedNumber: number;
}

/**
 * Says what a field holds, in the next version of its entity: the same schema with a tag by path in the metadata beside it,
 * whatever language it is in. Only people do so; what was found in samples is a suggestion.
 */
export class SemanticTypeAcceptance {
  readonly #em: EntityManager;
  readonly #registry: Pick<RegistryReadModel, 'entitiesById' | 'latestVersion'>;
  readonly #subjects: Pick<SubjectReadModel, 'version'>;
  readonly #subjectService: Pick<SubjectService, 'register'>;
  readonly #types: Pick<SemanticTypeReadModel, 'known'>;

  constructor(deps: {
    readonly em: EntityManager;
    readonly registry: Pick<RegistryReadModel, 'entitiesById' | 'latestVersion'>;
    readonly subjects: Pick<SubjectReadModel, 'version'>;
    readonly subjectService: Pick<SubjectService, 'register'>;
    readonly semanticTypes: Pick<SemanticTypeReadModel, 'known'>;
  }) {
    this.#em = deps.em;
    this.#registry = deps.registry;
    this.#subjects = deps.subjects;
    this.#subjectService = deps.subjectService;
    this.#types = deps.semanticTypes;
  }

  /**
   * @throws LinewardError NOT_FOUND, SEMANTIC_TYPE_UNKNOWN, CONFLICT where the schema says something else itself, or has no
   * one subject that its next version belongs to; its message says what to change there.
   */
  async acceptSemanticType(
    actor: Actor,
    input: AcceptSemanticType,
  ): Promise<{ readonly entity: Entity; readonly version: EntityVersion }> {
    const type = (await this.#types.known()).find(input.semanticType);
    if (type === null) throw new LinewardError('SEMANTIC_TYPE_UNKNOWN', undefined, { path: ['semanticType'] });
    const [entity] = await this.#registry.entitiesById([input.entityId]);
    const latest = await this.#registry.latestVersion(input.entityId);
    if (entity === undefined || latest === null) throw notFound('entityId', 'there is no such entity');
    assertNumber(latest.version, input.expectedNumber);
    const field = latest.fields.find(({ path }) => path === input.path);
    if (field === undefined) throw notFound('path', 'the latest version has no such field');
    if (field.semanticType === type.name) return { entity, version: latest.version };
    const tag = tagPath(field, type.name);
    const place = await this.#placeOf(latest.version, { tag, type: type.name });
    await this.#register(actor, place, { tag, type: type.name });
    await this.#em.fork().transactional(async (tx) => {
      audit(tx, actor, {
        action: 'acceptSemanticType',
        resourceType: 'Entity',
        resourceId: entity.id,
        details: { path: input.path, semanticType: type.name, subject: place.subject.name, version: place.version + 1 },
      });
    });
    const after = await this.#registry.latestVersion(input.entityId);
    return { entity, version: after?.version ?? latest.version };
  }

  async #register(
    actor: Actor,
    { subject, version, schema }: SubjectVersion,
    { tag, type }: { readonly tag: string; readonly type: string },
  ): Promise<void> {
    const { format, text, references, metadata, ruleSet } = schema;
    const tags = { ...metadata?.tags, [tag]: [...(metadata?.tags?.[tag] ?? []), type] };
    await this.#subjectService.register(actor, subject, {
      ...{ format, text, references, ruleSet },
      metadata: { ...metadata, tags },
      normalize: false,
      id: null,
      version: version + 1,
    });
  }

  /** The one subject whose newest version is the schema. */
  async #placeOf(
    version: EntityVersion,
    add: { readonly tag: string; readonly type: string },
  ): Promise<SubjectVersion> {
    const rows = await this.#em.fork().execute<{ subject: string }[]>(
      `select s.subject from subject_version s where s.context = ? and s.schema_id = ? and s.deleted_at is null
         and not exists (select from subject_version later where later.context = s.context
           and later.subject = s.subject and later.version > s.version)`,
      [defaultContext, version.schemaId],
    );
    const [only, ...others] = rows;
    if (only !== undefined && others.length === 0) {
      const subject: SubjectName = { context: defaultContext, name: only.subject };
      return this.#subjects.version(subject, 'latest', 'none');
    }
    const where = only === undefined ? 'no subject' : `${rows.length} subjects`;
    throw new LinewardError(
      'CONFLICT',
      `The schema is the newest of ${where}, so its next version is yours to register: with "metadata": {"tags": ${JSON.stringify({ [add.tag]: [add.type] })}}.`,
      { path: ['entityId'] },
    );
  }
}

function assertNumber({ number }: EntityVersion, expected: number): void {
  if (number !== expected)
    throw new LinewardError('CONFLICT', `expectedNumber: the latest version is ${number}; read it again`, {
      path: ['expectedNumber'],
    });
}

function notFound(member: string, why: string): LinewardError {
  return new LinewardError('NOT_FOUND', `${member}: ${why}`, { path: [member] });
}

/** The path as metadata names it. @throws LinewardError CONFLICT where a tag there would not count. */
function tagPath({ path, semanticType }: EntityField, type: string): string {
  if (semanticType !== null)
    throw new LinewardError(
      'CONFLICT',
      `path: the schema says that it is ${semanticType}; change that in the schema, or leave it, before ${type} can count`,
      { path: ['path'] },
    );
  if (/[*?]/.test(path))
    throw new LinewardError(
      'CONFLICT',
      'path: has characters that are wildcards in metadata; name the type in the schema',
      {
        path: ['path'],
      },
    );
  return path.replace(/\[\]|\{\}/g, '');
}
