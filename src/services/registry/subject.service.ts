import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { SemanticTypes } from '../../domain/privacy/semantic-type.ts';
import type { ParsedSchema } from '../../domain/registry/schema-format.ts';
import { schemaGuid, schemaIdentity, textIdentity } from '../../domain/registry/schema-identity.ts';
import { printSubjectName, type SubjectName } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { auditEvent } from '../audit/audit.service.ts';
import type { SemanticTypeReadModel } from '../privacy/semantic-type.read-model.ts';
import { catalogVersion } from './catalog-schema.ts';
import type { CompatibilityService, SubjectConflict } from './compatibility.service.ts';
import { ExpectedSituation } from './expected-situation.ts';
import { assertId, type GivenSchema, type RegisterSchema } from './registration.ts';
import { type Enforcement, type Prepared, type ReadSchema, RegistrationCheck } from './registration-check.ts';
import { writeRegistration, writeRegistrationInTurn } from './registration-write.ts';
import { inForce, settingsAround } from './registry-settings.ts';
import type { SchemaStore } from './schema-store.ts';
import { subjectNotFound } from './subject.read-model.ts';
import { type SubjectVersion, subjectVersionColumns, subjectVersionJoin, subjectVersionRow } from './subject-rows.ts';
import { type Situation, situationOf } from './subject-situation.ts';
import { contended, holdContext, holdReferences, lockSubject, openContext, writeVersion } from './subject-writes.ts';
import type { VersionToWrite } from './version-statement.ts';

/** Registers schemas under subjects, and finds them again. */
export class SubjectService {
  readonly #em: EntityManager;
  readonly #store: SchemaStore;
  readonly #check: RegistrationCheck;
  readonly #expected = new ExpectedSituation();
  readonly #types: SemanticTypeReadModel;

  constructor(deps: {
    readonly em: EntityManager;
    readonly schemaStore: SchemaStore;
    readonly compatibility: CompatibilityService;
    readonly semanticTypes: SemanticTypeReadModel;
  }) {
    this.#em = deps.em;
    this.#store = deps.schemaStore;
    this.#check = new RegistrationCheck(deps);
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
    const read = await this.#check.read(subject, given, given.normalize);
    const added = await this.#addAsExpected(actor, subject, given, read);
    if (added !== null) return added;
    return contended(async (locked) => {
      const em = this.#em.fork();
      if (locked) {
        return em.transactional(async (tx) => {
          await lockSubject(tx, subject);
          await holdContext(tx, subject);
          const prepared = await this.#prepared(tx, subject, given, read);
          return prepared.known ?? this.#add(tx, actor, given, prepared, writeRegistrationInTurn);
        });
      }
      const prepared = await this.#prepared(em, subject, given, read);
      this.#expected.learn(prepared.situation);
      if (prepared.known !== null) return prepared.known;
      await openContext(em, subject);
      // What is checked or held beside the write needs a transaction; the write alone is one.
      if (references.length === 0 && given.id === null) return this.#add(em, actor, given, prepared);
      return em.transactional((tx) => this.#add(tx, actor, given, prepared));
    });
  }

  /**
   * Registers under a subject that is expected to be new; null where it is not, and where anything speaks against it, which is
   * then to be judged by what is really there.
   */
  async #addAsExpected(
    actor: Actor,
    subject: SubjectName,
    given: RegisterSchema & { readonly types: SemanticTypes },
    read: ReadSchema,
  ): Promise<SubjectVersion | null> {
    if (given.references.length > 0 || given.id !== null) return null;
    const situation = this.#expected.of(subject);
    if (situation === null) return null;
    try {
      const prepared = await this.#check.prepared(this.#em, given, {
        read,
        situationFor: () => situation,
        enforcement: 'always',
      });
      const added = await this.#add(this.#em, actor, given, prepared);
      this.#expected.learn({ ...situation, state: '' });
      return added;
    } catch {
      return null;
    }
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
    const read = await this.#check.read(subject, given, given.normalize, tx);
    const prepared = await this.#prepared(tx, subject, given, read, 'where-set');
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
    const { text } = await this.#check.read(subject, given, options.normalize, em);
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
    return (await this.#check.read(subject, { ...given, references }, normalize)).parsed;
  }

  #prepared(
    em: EntityManager,
    subject: SubjectName,
    given: RegisterSchema,
    read: ReadSchema,
    enforcement: Enforcement = 'always',
  ): Promise<Prepared> {
    const situationFor = (identity: () => string): Promise<Situation> => situationOf(em, subject, identity());
    return this.#check.prepared(em, given, { read, situationFor, enforcement });
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
  const { subject, state, around, at } = situation;
  const version = given.version ?? situation.lastNumber + 1;
  return { subject, version, content, givenText: given.text, id: given.id, state, around, at };
}
