import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { readSchemaFormat } from '../../domain/registry/parse-schema.ts';
import { readConfigUpdate } from '../../domain/registry/registry-config.ts';
import { readMode } from '../../domain/registry/registry-mode.ts';
import { readMetadata, readRuleSet } from '../../domain/registry/schema-metadata.ts';
import {
  defaultContext,
  printSubjectName,
  readSettingName,
  readSubjectName,
  type SubjectName,
} from '../../domain/registry/subject-name.ts';
import { readTransferLine, type TransferLine } from '../../domain/registry/transfer-line.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import type { RegistrySettingsService } from './registry-settings.service.ts';
import { type SettingRow, settingRow } from './registry-settings.ts';
import type { SubjectReadModel } from './subject.read-model.ts';
import type { SubjectService } from './subject.service.ts';
import type { SubjectDeletionService } from './subject-deletion.service.ts';
import { type SubjectVersion, subjectVersionColumns, subjectVersionJoin, subjectVersionRow } from './subject-rows.ts';

const pageSize = 500;
/** Most lines that wait for what they refer to. */
const waitingMax = 10_000;

type VersionLine = Extract<TransferLine, { kind: 'version' }>;
type SettingLine = Extract<TransferLine, { kind: 'setting' }>;

/** What became of a line of an import. */
export interface ImportedLine {
  readonly line: number;
  readonly ok: boolean;
  readonly subject?: string | null;
  readonly version?: number;
  readonly code?: string;
  readonly message?: string;
}

interface Waiting {
  readonly line: number;
  readonly given: VersionLine;
}

/** Moves a whole registry out and in, with all ids and version numbers. */
export class RegistryTransferService {
  readonly #em: EntityManager;
  readonly #subjects: SubjectReadModel;
  readonly #service: SubjectService;
  readonly #deletion: SubjectDeletionService;
  readonly #settings: RegistrySettingsService;

  constructor(deps: {
    readonly em: EntityManager;
    readonly subjects: SubjectReadModel;
    readonly subjectService: SubjectService;
    readonly subjectDeletionService: SubjectDeletionService;
    readonly registrySettingsService: RegistrySettingsService;
  }) {
    this.#em = deps.em;
    this.#subjects = deps.subjects;
    this.#service = deps.subjectService;
    this.#deletion = deps.subjectDeletionService;
    this.#settings = deps.registrySettingsService;
  }

  /** All versions in the order of their ids, deleted ones marked, then configurations and modes: a line of JSON each. */
  async *exported(): AsyncGenerator<string> {
    let after: readonly [string, number, string, number] = ['', 0, '', 0];
    for (;;) {
      const page = await this.#page(after);
      for (const version of page) yield `${JSON.stringify(lineOf(version))}\n`;
      const last = page.at(-1);
      if (last === undefined) break;
      after = [last.schema.context, last.schema.id, last.subject.name, last.version];
    }
    const rows = await this.#em
      .fork()
      .execute(
        'select context, name, config, mode from registry_subject where config is not null or mode is not null order by context, name',
      );
    for (const row of rows) yield* settingLines(settingRow.parse(row));
  }

  async #page(after: readonly [string, number, string, number]): Promise<readonly SubjectVersion[]> {
    const rows = await this.#em.fork().execute(
      `select ${subjectVersionColumns} from ${subjectVersionJoin}
       where (subject_version.context, schema_id, subject, version) > (?, ?, ?, ?)
       order by subject_version.context, schema_id, subject, version limit ?`,
      [...after, pageSize],
    );
    return rows.map(subjectVersionRow);
  }

  /**
   * Takes lines of an export. Versions keep their ids and numbers, for which their subjects must be in IMPORT mode; a version
   * that is there already stays. A line that refers to a later one waits for it. Deletions and settings come last. Each line is
   * answered, and a refused one stops no other.
   */
  async *imported(actor: Actor, lines: AsyncIterable<string>): AsyncGenerator<ImportedLine> {
    const waiting: Waiting[] = [];
    const deleted: Waiting[] = [];
    const settings: { readonly line: number; readonly given: SettingLine }[] = [];
    let line = 0;
    for await (const text of lines) {
      line += 1;
      if (text.trim() === '') continue;
      try {
        const given = readTransferLine(text);
        if (given.kind === 'setting') settings.push({ line, given });
        else {
          const isWaiting = await this.#version(actor, given, waiting.length < waitingMax);
          if (isWaiting) waiting.push({ line, given });
          else if (given.deleted === true) deleted.push({ line, given });
          else yield { line, ok: true, subject: given.subject, version: given.version };
        }
      } catch (error) {
        yield refused(line, error);
      }
    }
    yield* this.#waited(actor, waiting, deleted);
    for (const one of deleted) yield await this.#deleted(actor, one);
    for (const one of settings) yield await this.#setting(actor, one.line, one.given);
  }

  /** Registers a version; true when it must wait for what it refers to. */
  async #version(actor: Actor, given: VersionLine, mayWait: boolean): Promise<boolean> {
    const subject = readSubjectName(given.subject);
    if (await this.#isThere(subject, given)) return false;
    try {
      await this.#service.register(actor, subject, {
        format: readSchemaFormat(given.schemaType),
        text: given.schema,
        references: given.references ?? [],
        metadata: readMetadata(given.metadata),
        ruleSet: readRuleSet(given.ruleSet),
        normalize: false,
        id: given.id,
        version: given.version,
      });
      return false;
    } catch (error) {
      const lacks =
        error instanceof LinewardError && error.code === 'SCHEMA_INVALID' && error.field[0] === 'references';
      if (lacks && mayWait) return true;
      throw error;
    }
  }

  async #isThere(subject: SubjectName, given: VersionLine): Promise<boolean> {
    try {
      const found = await this.#subjects.version(subject, given.version, 'too');
      return found.schema.id === given.id;
    } catch (error) {
      if (error instanceof LinewardError && error.spec.http === 404) return false;
      throw error;
    }
  }

  /** Takes up what waits as long as something of it gets through. */
  async *#waited(actor: Actor, waiting: readonly Waiting[], deleted: Waiting[]): AsyncGenerator<ImportedLine> {
    let left = waiting;
    for (let before = left.length + 1; left.length > 0 && left.length < before; ) {
      before = left.length;
      const still: Waiting[] = [];
      for (const one of left) {
        try {
          const { given, line } = one;
          if (await this.#version(actor, given, true)) still.push(one);
          else if (given.deleted === true) deleted.push(one);
          else yield { line, ok: true, subject: given.subject, version: given.version };
        } catch (error) {
          yield refused(one.line, error);
        }
      }
      left = still;
    }
    for (const { line } of left)
      yield refused(
        line,
        new LinewardError('SCHEMA_INVALID', 'references: the export lacks what the schema refers to'),
      );
  }

  async #deleted(actor: Actor, { line, given }: Waiting): Promise<ImportedLine> {
    try {
      const subject = readSubjectName(given.subject);
      const isLive = (await this.#subjects.versions(subject, 'none')).includes(given.version);
      if (isLive) await this.#deletion.deleteVersion(actor, subject, given.version, false);
      return { line, ok: true, subject: given.subject, version: given.version };
    } catch (error) {
      return refused(line, error);
    }
  }

  async #setting(actor: Actor, line: number, given: SettingLine): Promise<ImportedLine> {
    try {
      const place = given.subject === null ? { context: defaultContext, name: '' } : readSettingName(given.subject);
      if (given.config !== undefined) await this.#settings.changeConfig(actor, place, readConfigUpdate(given.config));
      if (given.mode !== undefined) await this.#settings.changeMode(actor, place, readMode(given.mode), true);
      return { line, ok: true, subject: given.subject };
    } catch (error) {
      return refused(line, error);
    }
  }
}

function refused(line: number, error: unknown): ImportedLine {
  const { code, message, spec } = toLinewardError(error);
  return { line, ok: false, code, message: spec.exposed ? message : spec.message };
}

function lineOf({ subject, version, deleted, schema }: SubjectVersion): object {
  return {
    subject: printSubjectName(subject),
    version,
    id: schema.id,
    ...(schema.format === 'AVRO' ? {} : { schemaType: schema.format }),
    schema: schema.text,
    ...(schema.references.length === 0 ? {} : { references: schema.references }),
    ...(schema.metadata === null ? {} : { metadata: schema.metadata }),
    ...(schema.ruleSet === null ? {} : { ruleSet: schema.ruleSet }),
    ...(deleted ? { deleted } : {}),
  };
}

function* settingLines({ context, name, config, mode }: SettingRow): Generator<string> {
  const isEverywhere = context === defaultContext && name === '';
  const subject = isEverywhere ? null : printSubjectName({ context, name });
  if (config !== null) yield `${JSON.stringify({ subject, config })}\n`;
  if (mode !== null) yield `${JSON.stringify({ subject, mode })}\n`;
}
