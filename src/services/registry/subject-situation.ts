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
  /** What differs after every change of the settings of the context and of the default one. */
  readonly around: string;
  /** When it was read, by the clock of the database. */
  readonly at: Date;
  /** True when a setting was made for the subject itself, its context or all: not the built-in default. */
  readonly levelIsSet: boolean;
}

const answerRow = z.object({
  at: z.coerce.date(),
  state: z.string().nullable(),
  around: z.string(),
  last: z.number().nullable(),
  settings: z.array(settingRow),
  latest: z.unknown(),
  same: z.array(z.unknown()),
});

/** Reads the situation in one statement. `identity` is the `textIdentity` of the schema that is to be registered. */
export async function situationOf(em: EntityManager, subject: SubjectName, identity: string): Promise<Situation> {
  const { context, name } = subject;
  const [row] = await executePrepared(em, situationStatement, { context, name, identity });
  const { at, state, around, last, latest, same, ...answer } = answerRow.parse(row);
  const settings = inForce(answer.settings);
  return {
    subject,
    settings,
    latest: latest === null ? null : subjectVersionRow(latest),
    lastNumber: last ?? 0,
    sameText: same.map(subjectVersionRow),
    at,
    state,
    around,
    levelIsSet: settings.config.compatibilityLevel !== undefined,
  };
}

/** `Situation.around`, in statements with the value `context`. */
export const settingsAroundState = `concat_ws(',',
  coalesce((select xmin::text from registry_subject where context = :context and name = ''), '-'),
  coalesce((select xmin::text from registry_subject where context = '${defaultContext}' and name = ''), '-'))`;

const situationStatement = prepared(
  'subject_situation',
  `
  with place as materialized (
    select xmin::text as state, context, name, config, mode from registry_subject
    where (context, name) in ((:context, :name), (:context, ''), ('${defaultContext}', ''))
  )
  select to_jsonb(now()) as at,
    (select state from place where context = :context and name = :name) as state,
    ${settingsAroundState} as around,
    (select max(version) from subject_version where context = :context and subject = :name) as last,
    to_jsonb(array(
      select to_jsonb(place) from place where config is not null or mode is not null
      order by name = '', context <> :context
    )) as settings,
    (
      select to_jsonb(latest) from (
        select ${subjectVersionColumns} from ${subjectVersionJoin}
        where subject_version.context = :context and subject = :name and deleted_at is null order by version desc limit 1
      ) latest
    ) as latest,
    to_jsonb(array(
      select to_jsonb(same) from (
        select ${subjectVersionColumns} from ${subjectVersionJoin}
        where subject_version.context = :context and subject = :name and deleted_at is null and text_identity = :identity
        order by version desc
      ) same
    )) as same`,
);
