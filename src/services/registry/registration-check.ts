import type { EntityManager } from '@mikro-orm/postgresql';
import { parseSchema } from '../../domain/registry/parse-schema.ts';
import type { ParsedSchema } from '../../domain/registry/schema-format.ts';
import { type SchemaContent, schemaIdentity, textIdentity } from '../../domain/registry/schema-identity.ts';
import type { SubjectName } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
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
import type { SchemaStore } from './schema-store.ts';
import type { SubjectVersion } from './subject-rows.ts';
import type { Situation } from './subject-situation.ts';

/** A schema that was read, and its text as it is registered. */
export interface ReadSchema {
  readonly parsed: ParsedSchema;
  readonly text: string;
}

/** A schema that was read, and the situation that it was judged in. */
export interface Prepared {
  readonly parsed: ParsedSchema;
  readonly situation: Situation;
  readonly content: SchemaContent;
  /** The version that has the schema already. */
  readonly known: SubjectVersion | null;
  /** What the schema does not go together with, where nobody has asked that it must. */
  readonly conflict: SubjectConflict | null;
}

/** When a conflict with earlier versions refuses a schema: always, or where a compatibility level was set. */
export type Enforcement = 'always' | 'where-set';

/** What a registration is judged by. */
interface Judgement {
  readonly read: ReadSchema;
  readonly situationFor: (identity: () => string) => Promise<Situation> | Situation;
  readonly enforcement: Enforcement;
}

/** Judges what is to be registered. */
export class RegistrationCheck {
  readonly #store: SchemaStore;
  readonly #compatibility: CompatibilityService;

  constructor(deps: { readonly schemaStore: SchemaStore; readonly compatibility: CompatibilityService }) {
    this.#store = deps.schemaStore;
    this.#compatibility = deps.compatibility;
  }

  /** Reads a schema whose references are settled. @throws LinewardError SCHEMA_INVALID */
  async read(subject: SubjectName, given: GivenSchema, normalize: boolean, em?: EntityManager): Promise<ReadSchema> {
    const references = await this.#store.referenced(subject.context, given.references, em);
    const parsed = parseSchema(given.format, { text: given.text, references });
    return { parsed, text: normalize ? parsed.normalized() : parsed.text };
  }

  /**
   * Checks all that forbids a registration. `situationFor` answers the situation of the subject for the `textIdentity` of
   * the schema: what is there, or what is expected.
   * @throws LinewardError SCHEMA_INCOMPATIBLE, REGISTRY_NOT_PERMITTED, SCHEMA_ID_MISMATCH, VERSION_INVALID …
   */
  async prepared(
    em: EntityManager,
    given: RegisterSchema,
    { read: asGiven, situationFor, enforcement }: Judgement,
  ): Promise<Prepared> {
    let read = asGiven;
    const identity = (): string => textIdentity({ ...given, text: read.text });
    let situation = await situationFor(identity);
    const { subject } = situation;
    if (situation.settings.config.normalize === true && !given.normalize) {
      read = await this.read(subject, given, true, em);
      situation = await situationFor(identity);
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
    const latest = situation.latest === null ? [] : [situation.latest];
    if (latest.length > 0 && looksBeyondLatest(config))
      return this.#compatibility.conflictUnder(subject, candidate, config, em);
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
}
