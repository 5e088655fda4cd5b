import { type SchemaContent, schemaGuid, schemaIdentity, textIdentity } from '../../domain/registry/schema-identity.ts';
import { defaultContext, readSubjectName, type SubjectName } from '../../domain/registry/subject-name.ts';
import { type PreparedStatement, prepared, type StatementValues } from '../sql.ts';
import { settingsAroundState } from './subject-situation.ts';

/** A version to be written, with its place among the others. */
export interface VersionToWrite {
  readonly subject: SubjectName;
  readonly version: number;
  readonly content: SchemaContent;
  /** The text of the schema as it was given. */
  readonly givenText: string;
  /** An id that the caller brings; null to take the next one. */
  readonly id: number | null;
  /** The state of the subject that the version was judged in, see `Situation`. */
  readonly state: string | null;
  /** The state of the settings around a new subject, see `Situation`. */
  readonly around: string;
  /** When the version is written. */
  readonly at: Date;
}

/** Which steps a version needs: the fewer a statement has, the sooner it is done. */
interface Shape {
  readonly subject: 'new' | 'known';
  /** Where the id of a schema comes from that the context has not. */
  readonly id: 'sequence' | 'brought' | 'counter';
  readonly original: boolean;
  readonly references: boolean;
}

const made = new Map<string, PreparedStatement>();

/** The statement that writes such a version, `more` steps after it. `name` stands for `more`; nothing else may have it. */
export function versionStatement(
  name: string,
  version: VersionToWrite,
  more: readonly string[] = [],
): PreparedStatement {
  const shape = shapeOf(version);
  const { subject, id, original, references } = shape;
  const key = `${name}_${subject}_${id}${original ? '_original' : ''}${references ? '_references' : ''}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const steps = [...versionSteps(shape), ...more].join(', ');
  const statement = prepared(key, `with ${steps} select (select id from chosen) as id`);
  made.set(key, statement);
  return statement;
}

/** The values of `versionStatement`. */
export function versionValues(given: VersionToWrite): StatementValues {
  const { subject, content } = given;
  const identity = schemaIdentity(content);
  return {
    context: subject.context,
    subject: subject.name,
    version: String(given.version),
    wanted: given.id === null ? null : String(given.id),
    state: given.state,
    around: given.around,
    guid: schemaGuid(identity),
    format: content.format,
    text: content.text,
    original: originalOf(given),
    identity,
    text_identity: textIdentity(content),
    schema_references: JSON.stringify(content.references),
    metadata: content.metadata === null ? null : JSON.stringify(content.metadata),
    rule_set: content.ruleSet === null ? null : JSON.stringify(content.ruleSet),
    targets: JSON.stringify(targetsOf(given)),
    at: given.at.toISOString(),
  };
}

function targetsOf({ subject, content }: VersionToWrite) {
  return content.references.map((reference) => {
    const target = readSubjectName(reference.subject, subject.context);
    return { context: target.context, subject: target.name, version: reference.version };
  });
}

/** The text as it was given, where that is not how it is answered; null for what the database cannot keep. */
function originalOf({ content, givenText }: VersionToWrite): string | null {
  const isKept = givenText !== content.text && givenText.isWellFormed() && !givenText.includes('\0');
  return isKept ? givenText : null;
}

function shapeOf(given: VersionToWrite): Shape {
  const brought = given.id === null ? 'sequence' : 'brought';
  return {
    subject: given.state === null ? 'new' : 'known',
    id: given.subject.context === defaultContext ? brought : 'counter',
    original: originalOf(given) !== null,
    references: given.content.references.length > 0,
  };
}

/** `held` has a row when all is as it was read, or expected; who comes second to a new subject finds it taken. */
const heldSteps = {
  new: [
    `held as (
      insert into registry_subject (context, name) select :context, :subject where ${settingsAroundState} = :around
      on conflict do nothing returning name
    )`,
  ],
  known: [
    `subject_row as (
      select xmin::text as state from registry_subject where context = :context and name = :subject for key share
    )`,
    `held as (select from subject_row where state = :state)`,
  ],
} as const;

const idSources = {
  sequence: `select nextval('default_schema_id')::integer as id where exists (select from unknown)`,
  brought: `select draw_default_schema_id(:wanted::integer) as id where exists (select from unknown)`,
  counter: `update registry_context
    set last_id = greatest(last_id + case when :wanted::integer is null then 1 else 0 end, :wanted::integer)
    where name = :context and exists (select from unknown)
    returning coalesce(:wanted::integer, last_id) as id`,
} as const;

const originalStep = `original_row as (
  insert into schema_original (context, schema_id, text) select :context, id, :original from made
)`;

const referencesStep = `referred as (
  insert into schema_reference (context, schema_id, target_context, target_subject, target_version)
  select distinct :context, made.id, target.context, target.subject, target.version
  from made, jsonb_to_recordset(:targets::jsonb) as target (context text, subject text, version integer)
)`;

/**
 * A schema is found by its identity alone. A plan made while there was none would as soon go through all of the context, whose
 * index looks as good while both are empty: so the context is no column of an index here.
 */
const isKnown = `identity = :identity and context || '' = :context`;

/** Steps that write a version; after them, `chosen` has the id of its schema, and nothing when `held` has no row. */
function versionSteps(shape: Shape): readonly string[] {
  return [
    ...heldSteps[shape.subject],
    `known as (
      select id from schema where ${isKnown} and exists (select from held)
    )`,
    `unknown as (select from held where not exists (select from known))`,
    `numbered as ${shape.id === 'counter' ? '' : 'materialized'} (${idSources[shape.id]})`,
    `made as (
      insert into schema
        (context, id, guid, format, text, identity, text_identity, schema_references, metadata, rule_set, created_at)
      select :context, numbered.id, :guid, :format, :text, :identity, :text_identity, :schema_references::jsonb,
        :metadata::jsonb, :rule_set::jsonb, :at::timestamptz
      from numbered
      on conflict (context, identity) do nothing
      returning id
    )`,
    ...(shape.original ? [originalStep] : []),
    ...(shape.references ? [referencesStep] : []),
    `chosen as (select id from known union all select id from made)`,
    `placed as (
      insert into subject_version (context, subject, version, schema_id, created_at)
      select :context, :subject, :version::integer, id, :at::timestamptz from chosen
    )`,
  ];
}
