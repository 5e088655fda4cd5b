import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { SemanticTypes } from '../../domain/privacy/semantic-type.ts';
import { parseSchema } from '../../domain/registry/parse-schema.ts';
import type { ParsedSchema } from '../../domain/registry/schema-format.ts';
import { type SchemaContent, schemaGuid, schemaIdentity, textIdentity } from '../../domain/registry/schema-identity.ts';
import { printSubjectName, type SubjectName } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { auditEvent } from '../audit/audit.service.ts';
import type { SemanticTypeReadModel } from '../privacy/semantic-type.read-model.ts';
import { catalogVersion } from './catalog-schema.ts';
import {
  type CompatibilityService,
  incompatible,
  looksBeyondLatest,
  type SubjectConflict,
} from './compatibility.service.ts';
import {
  assertId,
  assertMode,
  contentOf,
  type GivenSchema,
  knownVersion,
  type RegisterSchema,
} from './registration.ts';
import { writeRegistration, writeRegistrationInTurn } from './registration-write.ts';
import { inForce, settingsAround } from './registry-settings.ts';
import type { SchemaStore } from './schema-store.ts';
import { subjectNotFound } from './subject.read-model.ts';
import { type SubjectVersion, subjectVersionColumns, subjectVersionJoin, subjectVersionRow } from './subject-rows.ts';
import { type Situation, situationOf } from './subject-situation.ts';
import { contended, holdContext, holdReferences, lockSubject, openContext, writeVersion } from './subject-writes.ts';
import type { VersionToWrite } from './version-statement.ts';

/** A schema that was read, and the situation that it was judged in. */
interface Prepared {
  readonly parsed: ParsedSchema;
  readonly situation: Situation;
  readonly content: SchemaContent;
  /** The version that has the schema already. */
  readonly known: SubjectVersion | null;
  /** What the schema does not go together with, where nobody has asked that it must. */
  readonly conflict: SubjectConflict | null;
}

/** When a conflict with earlier versions refuses a schema: always, or where a compatibility level was set. */
type Enforcement = 'always' | 'where-set';

/** Registers schemas under subjects, and finds them again. */
export class SubjectService {
  readonly #em: EntityManager;
  readonly #store: SchemaStore;
  readonly #compatibility: CompatibilityService;
  readonly #types: SemanticTypeReadModel;

  constructor(deps: {
    readonly em: EntityManager;
    readonly schemaStore: SchemaStore;
    readonly compatibility: CompatibilityService;
    readonly semanticTypes: SemanticTypeReadModel;
  }) {
    this.#em = deps.em;
    this.#store = deps.schemaStore;
    this.#compatibility = deps.compatibility;
    this.#types = deps.semanticTypes;
  }

  /**
   * Registers a schema as the next version of a subject; a schema that the subject has already keeps its version.
   * @throws LinewardError SCHEMA_INVALID, SCHEMA_INCOMPATIBLE, REGISTRY_NOT_PERMITTED, SCHEMA_ID_MISMATCH, VERSION_INVALID …
   */
  async register(actor: Actor, subject: SubjectName, request: RegisterSchema): Promise<SubjectVersion> {
    const references = await this.#store.settled(subject.context, request.references);
    // Read by now: within the transaction it would be a second connection, which may not come while others wait for it too.
    const given = { ...request, references, types: await this.#types.known() };
    return contended(async (locked) => {
      const em = this.#em.fork();
      if (locked) {
        return em.transactional(async (tx) => {
          await lockSubject(tx, subject);
          await holdContext(tx, subject);
          const prepared = await this.#prepared(tx, subject, given);
          return prepared.known ?? this.#add(tx, actor, given, prepared, writeRegistrationInTurn);
        });
      }
      const prepared = await this.#prepared(em, subject, given);
      if (prepared.known !== null) return prepared.known;
      await openContext(em, subject);
      // What is checked or held beside the write needs a transaction; the write alone is one.
      if (references.length === 0 && given.id === null) return this.#add(em, actor, given, prepared);
      return em.transactional((tx) => this.#add(tx, actor, given, prepared));
    });
  }

  /**
   * As `register`, inside the caller's transaction. A conflict refuses the schema only where a compatibility level was set;
   * the built-in level is advice, and the conflict is answered.
   */
  async registerIn(
    tx: EntityManager,
    subject: SubjectName,
    given: RegisterSchema,
  ): Promise<{ readonly schemaId: number; readonly version: number; readonly conflict: SubjectConflict | null }> {
    await lockSubject(tx, subject);
    const prepared = await this.#prepared(tx, subject, given, 'where-set');
    const { known, conflict } = prepared;
    if (known !== null) return { schemaId: known.schema.id, version: known.version, conflict };
    return { ...(await this.#write(tx, given, prepared)), conflict };
  }

  /**
   * The version of a subject that has a schema.
   * @throws LinewardError SUBJECT_NOT_FOUND, SCHEMA_NOT_FOUND, SCHEMA_INVALID
   */
  async lookup(
    subject: SubjectName,
    given: GivenSchema,
    options: { readonly normalize: boolean; readonly deleted: boolean },
  ): Promise<SubjectVersion> {
    const em = this.#em.fork();
    const versions = await em.execute(
      `select 1 from subject_version where context = ? and subject = ? and (deleted_at is null or ?) limit 1`,
      [subject.context, subject.name, options.deleted],
    );
    if (versions.length === 0) throw subjectNotFound(subject);
    const references = await this.#store.settled(subject.context, given.references);
    const settled = { ...given, references };
    const found = await this.#versionOf(em, subject, settled, options);
    if (found !== null) return found;
    if (!options.normalize && inForce(await settingsAround(em, subject)).config.normalize === true) {
      const normal = await this.#versionOf(em, subject, settled, { ...options, normalize: true });
      if (normal !== null) return normal;
    }
    throw new LinewardError('SCHEMA_NOT_FOUND', undefined, { path: ['schema'] });
  }

  async #versionOf(
    em: EntityManager,
    subject: SubjectName,
    given: GivenSchema,
    options: { readonly normalize: boolean; readonly deleted: boolean },
  ): Promise<SubjectVersion | null> {
    const { text } = await this.#read(em, subject, given, options.normalize);
    const rows = await em.execute(
      `select ${subjectVersionColumns} from ${subjectVersionJoin}
       where subject_version.context = ? and subject = ? and text_identity = ? and (deleted_at is null or ?)
       order by deleted_at is not null, version desc`,
      [subject.context, subject.name, textIdentity({ ...given, text }), options.deleted],
    );
    const identity = schemaIdentity({ ...given, text });
    const anyMetadata = given.metadata === null && given.ruleSet === null;
    return rows.map(subjectVersionRow).find(({ schema }) => anyMetadata || schema.identity === identity) ?? null;
  }

  /** Reads a schema as it would be registered under a subject, without registering it. */
  async read(subject: SubjectName, given: GivenSchema, normalize: boolean): Promise<ParsedSchema> {
    const references = await this.#store.settled(subject.context, given.references);
    return (await this.#read(this.#em.fork(), subject, { ...given, references }, normalize)).parsed;
  }

  async #read(
    em: EntityManager,
    subject: SubjectName,
    given: GivenSchema,
    normalize: boolean,
  ): Promise<{ readonly parsed: ParsedSchema; readonly text: string }> {
    const references = await this.#store.referenced(subject.context, given.references, em);
    const parsed = parseSchema(given.format, { text: given.text, references });
    return { parsed, text: normalize ? parsed.normalized() : parsed.text };
  }

  /** Reads the schema and checks all that forbids it. */
  async #prepared(
    em: EntityManager,
    subject: SubjectName,
    given: RegisterSchema,
    enforcement: Enforcement = 'always',
  ): Promise<Prepared> {
    let read = await this.#read(em, subject, given, given.normalize);
    const identityOf = (text: string): string => textIdentity({ ...given, text });
    let situation = await situationOf(em, subject, identityOf(read.text));
    if (situation.settings.config.normalize === true && !given.normalize) {
      read = await this.#read(em, subject, given, true);
      situation = await situationOf(em, subject, identityOf(read.text));
    }
    const content = contentOf(situation, given, read.text);
    const known = knownVersion(situation, content, given);
    const prepared = { parsed: read.parsed, situation, content, known, conflict: null };
    if (known !== null) {
      assertId(known.schema.id, given);
      return prepared;
    }
    const conflict = await this.#permitted(em, given, prepared);
    if (conflict !== null && (enforcement === 'always' || situation.levelIsSet)) throw incompatible(subject, conflict);
    return { ...prepared, conflict };
  }

  /** Throws what forbids the registration whatever the level; answers the conflict with earlier versions. */
  async #permitted(em: EntityManager, given: RegisterSchema, prepared: Prepared): Promise<SubjectConflict | null> {
    const { situation, parsed, content } = prepared;
    const { subject, settings } = situation;
    assertMode(subject, settings.mode, given.id);
    if (settings.mode === 'IMPORT') {
      await this.#assertImportable(em, subject, given, content);
      return null;
    }
    const next = situation.lastNumber + 1;
    if (given.version !== null && given.version !== next)
      throw new LinewardError('SCHEMA_INVALID', `version: must be ${next}, one more than the last version, or absent`, {
        path: ['version'],
      });
    const candidate = { parsed, metadata: content.metadata };
    const { config } = settings;
    if (looksBeyondLatest(config)) return this.#compatibility.conflictUnder(subject, candidate, config, em);
    const latest = situation.latest === null ? [] : [situation.latest];
    return this.#compatibility.conflictWith(latest, candidate, config, em);
  }

  async #assertImportable(
    em: EntityManager,
    subject: SubjectName,
    given: RegisterSchema,
    content: SchemaContent,
  ): Promise<void> {
    if (given.id === null) return;
    const holder = await this.#store.byId(subject.context, given.id, em);
    if (holder !== null && holder.identity !== schemaIdentity(content))
      throw new LinewardError('REGISTRY_NOT_PERMITTED', `Overwrite new schema with id ${given.id} is not permitted.`, {
        path: ['id'],
      });
    const taken = await em.execute('select 1 from subject_version where context = ? and subject = ? and version = ?', [
      subject.context,
      subject.name,
      given.version ?? 0,
    ]);
    if (taken.length > 0)
      throw new LinewardError(
        'REGISTRY_NOT_PERMITTED',
        `version: the subject has another schema as version ${given.version}; versions are never overwritten`,
        { path: ['version'] },
      );
  }

  async #write(
    tx: EntityManager,
    given: RegisterSchema,
    prepared: Prepared,
  ): Promise<{ readonly schemaId: number; readonly version: number }> {
    await holdReferences(tx, prepared.situation.subject, prepared.content.references);
    const version = versionToWrite(given, prepared);
    const schemaId = await writeVersion(tx, version);
    assertId(schemaId, given);
    return { schemaId, version: version.version };
  }

  async #add(
    em: EntityManager,
    actor: Actor,
    given: RegisterSchema & { readonly types: SemanticTypes },
    prepared: Prepared,
    write = writeRegistration,
  ): Promise<SubjectVersion> {
    const { situation, content, parsed } = prepared;
    const { subject, at } = situation;
    await holdReferences(em, subject, content.references);
    const toWrite = versionToWrite(given, prepared);
    const { version } = toWrite;
    const id = await write(em, {
      version: toWrite,
      catalog: catalogVersion(actor, { subject, version, content, parsed, at, types: given.types }),
      event: auditEvent(actor, {
        action: 'registerSchema',
        resourceType: 'SubjectVersion',
        resourceId: `${printSubjectName(subject)}/${version}`,
        details: { format: content.format },
      }),
    });
    assertId(id, given);
    const identity = schemaIdentity(content);
    const { context } = subject;
    const schema = { ...content, context, id, identity, guid: schemaGuid(identity), createdAt: at };
    return { subject, version, deleted: false, createdAt: at, schema };
  }
}

function versionToWrite(given: RegisterSchema, { situation, content }: Prepared): VersionToWrite {
  const { subject, state, at } = situation;
  const version = given.version ?? situation.lastNumber + 1;
  return { subject, version, content, givenText: given.text, id: given.id, state, at };
}
