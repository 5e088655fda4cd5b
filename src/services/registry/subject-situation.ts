import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { defaultContext, type SubjectName } from '../../domain/registry/subject-name.ts';
import { executePrepared, prepared } from '../sql.ts';
import { inForce, type RegistrySettings, settingRow } from './registry-settings.ts';
import { type SubjectVersion, subjectVersionColumns, subjectVersionJoin, subjectVersionRow } from './subject-rows.ts';

/** Everything about a subject that a registration depends on. */
export interface Situation {
  readonly subject: SubjectName;
  readonly settings: RegistrySettings;
  /** Newest version that is not deleted. */
  readonly latest: SubjectVersion | null;
  /** Largest version number that was given and not deleted permanently; 0 when there is none. */
  readonly lastNumber: number;
  /** Versions, not deleted, whose schema has the text and references asked for; newest first. */
  readonly sameText: readonly SubjectVersion[];
  /** What differs after every change of the subject's settings and every deletion of all of it; null when the subject is new. */
  readonly state: string | null;
  /** When it was read, by the clock of the database. */
  readonly at: Date;
  /** True when a setting was made for the subject itself, its context or all: not the built-in default. */
  readonly levelIsSet: boolean;
}

const answerRow = z.object({ kind: z.enum(['now', 'state', 'setting', 'last', 'latest', 'same']), value: z.unknown() });

/** Reads the situation in one statement. `identity` is the `textIdentity` of the schema that is to be registered. */
export async function situationOf(em: EntityManager, subject: SubjectName, identity: string): Promise<Situation> {
  const { context, name } = subject;
  const rows = await executePrepared(em, situationStatement, { context, name, identity });
  const answers = rows.map((row) => answerRow.parse(row));
  const of = (kind: string): readonly unknown[] =>
    answers.filter((answer) => answer.kind === kind).map((answer) => answer.value);
  const places = of('setting').map((value) => settingRow.parse(value));
  const settings = inForce(places);
  return {
    subject,
    settings,
    latest: of('latest').map(subjectVersionRow)[0] ?? null,
    lastNumber:
      z
        .number()
        .nullable()
        .parse(of('last')[0] ?? null) ?? 0,
    sameText: of('same').map(subjectVersionRow),
    at: z.coerce.date().parse(of('now')[0]),
    state: z.string().parse(of('state')[0] ?? '') || null,
    levelIsSet: settings.config.compatibilityLevel !== undefined,
  };
}

const situationStatement = prepared(
  'subject_situation',
  `
  select 'now' as kind, to_jsonb(now()) as value
  union all
  select 'state', to_jsonb(xmin::text) from registry_subject where context = :context and name = :name
  union all
  select 'setting', to_jsonb(setting) from (
    select context, name, config, mode from registry_subject
    where (context = :context and name in (:name, '') or context = '${defaultContext}' and name = '') and (config is not null or mode is not null)
    order by name = '', context <> :context
  ) setting
  union all
  select 'last', to_jsonb(max(version)) from subject_version where context = :context and subject = :name
  union all
  select 'latest', to_jsonb(latest) from (
    select ${subjectVersionColumns} from ${subjectVersionJoin}
    where subject_version.context = :context and subject = :name and deleted_at is null order by version desc limit 1
  ) latest
  union all
  select 'same', to_jsonb(same) from (
    select ${subjectVersionColumns} from ${subjectVersionJoin}
    where subject_version.context = :context and subject = :name and deleted_at is null and text_identity = :identity order by version desc
  ) same`,
);
