import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { AuditAction } from '../../domain/audit/audit-action.ts';
import {
  changedConfig,
  defaultLevel,
  type RegistryConfig,
  type RegistryConfigUpdate,
} from '../../domain/registry/registry-config.ts';
import type { RegistryMode } from '../../domain/registry/registry-mode.ts';
import { defaultContext, printSubjectName, type SubjectName } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { inForce, type RegistrySettings, type SettingRow, settingsAround } from './registry-settings.ts';
import { subjectNotFound } from './subject.read-model.ts';
import { lockSubject } from './subject-writes.ts';

/** Configuration and modes: of everything, of a context (its `name` is empty), of a subject. */
export class RegistrySettingsService {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** What holds for a subject, wherever it was set. */
  async inForce(place: SubjectName): Promise<RegistrySettings> {
    return inForce(await settingsAround(this.#em.fork(), place));
  }

  /**
   * The configuration of a place; with `inherited`, what holds there. Everywhere has one always.
   * @throws LinewardError SUBJECT_CONFIG_NOT_FOUND
   */
  async config(place: SubjectName, inherited: boolean): Promise<RegistryConfig> {
    const around = await settingsAround(this.#em.fork(), place);
    const own = ownOf(around, place)?.config ?? null;
    if (own === null && !inherited && !isEverywhere(place)) throw noConfig(place);
    const config = inherited ? inForce(around).config : (own ?? {});
    return inherited || isEverywhere(place) ? { compatibilityLevel: defaultLevel, ...config } : config;
  }

  /**
   * Changes the configuration of a place; answers what it has then.
   * @throws LinewardError REGISTRY_NOT_PERMITTED where nothing may be changed
   */
  async changeConfig(actor: Actor, place: SubjectName, change: RegistryConfigUpdate): Promise<RegistryConfig> {
    return this.#change(actor, place, async (tx, own) => {
      await this.#assertWritable(tx, place);
      const config = changedConfig(own?.config ?? {}, change);
      await tx.execute('update registry_subject set config = ?::jsonb where context = ? and name = ?', [
        config === null ? null : JSON.stringify(config),
        place.context,
        place.name,
      ]);
      return { result: config ?? {}, action: 'changeRegistryConfig', details: { keys: Object.keys(change) } };
    });
  }

  /**
   * Removes the configuration of a place; answers what it had.
   * @throws LinewardError SUBJECT_NOT_FOUND when it has none, REGISTRY_NOT_PERMITTED
   */
  async deleteConfig(actor: Actor, place: SubjectName): Promise<RegistryConfig> {
    return this.#change(actor, place, async (tx, own) => {
      const config = own?.config ?? null;
      if (config === null && !isEverywhere(place)) throw subjectNotFound(place);
      await this.#assertWritable(tx, place);
      await tx.execute('update registry_subject set config = null where context = ? and name = ?', [
        place.context,
        place.name,
      ]);
      const result = isEverywhere(place) ? { compatibilityLevel: defaultLevel, ...config } : (config ?? {});
      return { result, action: 'deleteRegistryConfig', details: {} };
    });
  }

  /**
   * The mode of a place; with `inherited`, the one in force.
   * @throws LinewardError SUBJECT_MODE_NOT_FOUND
   */
  async mode(place: SubjectName, inherited: boolean): Promise<RegistryMode> {
    const around = await settingsAround(this.#em.fork(), place);
    const own = ownOf(around, place)?.mode ?? null;
    if (own === null && !inherited && !isEverywhere(place)) throw noMode(place);
    return inherited ? inForce(around).mode : (own ?? 'READWRITE');
  }

  /**
   * Sets the mode of a place. IMPORT is for an empty one, unless `force`.
   * @throws LinewardError REGISTRY_NOT_PERMITTED
   */
  async changeMode(actor: Actor, place: SubjectName, mode: RegistryMode, force: boolean): Promise<RegistryMode> {
    return this.#change(actor, place, async (tx, own) => {
      const before = own?.mode ?? (await this.#modeIn(tx, place));
      if (mode === 'IMPORT' && before !== 'IMPORT' && !force) await assertEmpty(tx, place);
      await tx.execute('update registry_subject set mode = ? where context = ? and name = ?', [
        mode,
        place.context,
        place.name,
      ]);
      return { result: mode, action: 'changeRegistryMode', details: { mode, force } };
    });
  }

  async #assertWritable(tx: EntityManager, place: SubjectName): Promise<void> {
    const mode = await this.#modeIn(tx, place);
    if (mode === 'READONLY' || mode === 'READONLY_OVERRIDE')
      throw new LinewardError(
        'REGISTRY_NOT_PERMITTED',
        `Subject ${printSubjectName(place)} in context ${place.context} is in read-only mode`,
        { path: ['subject'] },
      );
  }

  async #modeIn(tx: EntityManager, place: SubjectName): Promise<RegistryMode> {
    return inForce(await settingsAround(tx, place)).mode;
  }

  /**
   * Removes the mode of a place, and with `recursive` those of all subjects of a context; answers what it was.
   * @throws LinewardError SUBJECT_NOT_FOUND when it has none
   */
  async deleteMode(actor: Actor, place: SubjectName, recursive: boolean): Promise<RegistryMode> {
    return this.#change(actor, place, async (tx, own) => {
      const mode = own?.mode ?? null;
      if (mode === null && !isEverywhere(place) && !recursive) throw subjectNotFound(place);
      const whole = recursive && place.name === '';
      await tx.execute(`update registry_subject set mode = null where context = ? ${whole ? '' : 'and name = ?'}`, [
        place.context,
        ...(whole ? [] : [place.name]),
      ]);
      return { result: mode ?? 'READWRITE', action: 'deleteRegistryMode', details: { recursive } };
    });
  }

  #change<T>(
    actor: Actor,
    place: SubjectName,
    change: (
      tx: EntityManager,
      own: SettingRow | undefined,
    ) => Promise<{ result: T; action: AuditAction; details: Record<string, unknown> }>,
  ): Promise<T> {
    return this.#em.fork().transactional(async (tx) => {
      await lockSubject(tx, place);
      const own = ownOf(await settingsAround(tx, place), place);
      const { result, action, details } = await change(tx, own);
      audit(tx, actor, { action, resourceType: 'Subject', resourceId: printSubjectName(place), details });
      return result;
    });
  }
}

function ownOf(around: readonly SettingRow[], place: SubjectName): SettingRow | undefined {
  return around.find((row) => row.context === place.context && row.name === place.name);
}

function isEverywhere(place: SubjectName): boolean {
  return place.context === defaultContext && place.name === '';
}

async function assertEmpty(tx: EntityManager, place: SubjectName): Promise<void> {
  const rows = await tx.execute(
    `select 1 from subject_version where context = ? and deleted_at is null ${place.name === '' ? '' : 'and subject = ?'} limit 1`,
    [place.context, ...(place.name === '' ? [] : [place.name])],
  );
  if (rows.length > 0)
    throw new LinewardError(
      'REGISTRY_NOT_PERMITTED',
      'Cannot import since found existing subjects; use an empty subject or context, or force=true',
      { path: ['mode'] },
    );
}

function noConfig(place: SubjectName): LinewardError {
  return new LinewardError(
    'SUBJECT_CONFIG_NOT_FOUND',
    `Subject '${printSubjectName(place)}' does not have subject-level compatibility configured`,
    { path: ['subject'] },
  );
}

function noMode(place: SubjectName): LinewardError {
  return new LinewardError(
    'SUBJECT_MODE_NOT_FOUND',
    `Subject '${printSubjectName(place)}' does not have subject-level mode configured`,
    { path: ['subject'] },
  );
}
