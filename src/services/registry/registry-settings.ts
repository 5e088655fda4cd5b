import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { effectiveConfig, type RegistryConfig } from '../../domain/registry/registry-config.ts';
import { type RegistryMode, registryModes } from '../../domain/registry/registry-mode.ts';
import { defaultContext, type SubjectName } from '../../domain/registry/subject-name.ts';

/** What holds for a subject, from its own settings, those of its context and those of the default context. */
export interface RegistrySettings {
  readonly config: RegistryConfig;
  readonly mode: RegistryMode;
}

export const settingRow = z.object({
  context: z.string(),
  name: z.string(),
  config: z.custom<RegistryConfig>().nullable(),
  mode: z.enum(registryModes).nullable(),
});
/** Settings made at one place. */
export type SettingRow = z.infer<typeof settingRow>;

/** The settings made at the subject, its context and the default context, in that order; places without any are absent. */
export async function settingsAround(em: EntityManager, subject: SubjectName): Promise<readonly SettingRow[]> {
  const rows = await em.execute(
    `select context, name, config, mode from registry_subject
     where (context = ? and name in (?, '') or context = ? and name = '') and (config is not null or mode is not null)
     order by name = '', context <> ?`,
    [subject.context, subject.name, defaultContext, subject.context],
  );
  return rows.map((row) => settingRow.parse(row));
}

/** What is in force of settings given from the subject outwards. READONLY_OVERRIDE further out beats what is inside. */
export function inForce(places: readonly SettingRow[]): RegistrySettings {
  const modes = places.map((place) => place.mode).filter((mode) => mode !== null);
  const mode = modes.find((candidate) => candidate === 'READONLY_OVERRIDE') ?? modes[0] ?? 'READWRITE';
  return { config: effectiveConfig(places.map((place) => place.config ?? {})), mode };
}
