import type { NamedRule } from '../../domain/access/access-policy.ts';
import { likePattern } from '../../domain/access/name-pattern.ts';
import { textArray } from '../sql.ts';
import type { Statement } from './ports.ts';
import { derivedHidden, type HiddenName, hiddenOrder, visibleTables } from './visible-tables.ts';

/** A rule that hides, with the datasets that carry what it is about; null where it is about names alone. */
export interface Hiding {
  readonly rule: Pick<NamedRule, 'namespaces' | 'names' | 'classifications'>;
  readonly datasetIds: readonly string[] | null;
}

const tablePattern = new RegExp(`\\b(?:${Object.keys(visibleTables).join('|')})\\b`, 'g');
/** What changes something, or locks it, sees all there is. */
const writePattern = /\b(?:insert\s+into|update|delete\s+from|for\s+(?:no\s+key\s+)?update|for\s+(?:key\s+)?share)\b/i;

/**
 * The statement over tables in which what is hidden is not: each table that it names is put before it under its own name, as a
 * query that leaves the hidden rows out. A name given by `with` stands for a table everywhere behind it, in subqueries too, so
 * that counts, facets, pages and joins are those of a catalog without the hidden things.
 */
export function throughView(statement: Statement, hidings: readonly Hiding[]): Statement {
  const { text, values } = statement;
  const start = /^\s*(select|with)\b/i.exec(text)?.[1]?.toLowerCase();
  if (hidings.length === 0 || start === undefined || writePattern.test(text)) return statement;
  const tables = [...new Set(text.match(tablePattern))];
  if (tables.length === 0) return statement;
  const hidden = hiddenFor(tables.flatMap((table) => visibleTables[table]?.asks ?? []));
  const pieces = [
    ...hidden.map((name) => hiddenTable(name, hidings)),
    ...tables.map((table) => visibleTable(table, hidings)),
  ];
  return {
    text: `with ${pieces.map(({ text: sql }) => sql).join(',\n')}\n${start === 'select' ? text : `select * from (${text}) as seen`}`,
    values: [...pieces.flatMap(({ values: own }) => own), ...values],
  };
}

/** How rows are judged by themselves, so that a page costs what it has and not what is hidden in all. */
const ofRows: Readonly<Record<string, Conditions>> = { dataset: datasetsOf, entity: entitiesOf };

function visibleTable(table: string, hidings: readonly Hiding[]): Statement {
  const where = visibleTables[table]?.where ?? null;
  const conditionsOf = ofRows[table];
  if (where !== null || conditionsOf === undefined)
    return { text: `${table} as not materialized (select * from public.${table} t where ${where})`, values: [] };
  const { text, values } = either(hidings, conditionsOf);
  return { text: `${table} as not materialized (select * from public.${table} where not ${text})`, values };
}

function hiddenFor(asked: readonly HiddenName[]): readonly HiddenName[] {
  const wanted = new Set<HiddenName>(asked);
  if (wanted.has('hidden_id')) for (const name of hiddenOrder) wanted.add(name);
  if (wanted.has('hidden_transformer') || wanted.has('hidden_job')) wanted.add('hidden_dataset');
  if (wanted.has('hidden_subject')) for (const name of ['hidden_dataset', 'hidden_entity'] as const) wanted.add(name);
  return hiddenOrder.filter((name) => wanted.has(name));
}

function hiddenTable(name: HiddenName, hidings: readonly Hiding[]): Statement {
  const { text, values } = hiddenQuery(name, hidings);
  return { text: `${name} as materialized (${text})`, values };
}

function hiddenQuery(name: HiddenName, hidings: readonly Hiding[]): Statement {
  if (name === 'hidden_dataset') {
    const own = hiddenRows('select id, namespace, name from public.dataset', hidings, datasetsOf);
    // A topic is hidden under the names that it had, too: subjects and events go on by them.
    return {
      text: `with own as materialized (${own.text}) select * from own
        union all select f.dataset_id, f.namespace, f.name from public.topic_alias f join own on own.id = f.dataset_id`,
      values: own.values,
    };
  }
  if (name === 'hidden_entity') return hiddenRows('select id, namespace, name from public.entity', hidings, entitiesOf);
  if (name !== 'hidden_subject') return { text: derivedHidden[name], values: [] };
  const named = hiddenRows('select context, name from public.registry_subject', hidings, subjectsOf);
  return {
    text: `${named.text}
      union select v.context, v.subject from public.subject_version v
        join public.entity_version e on e.schema_id = v.schema_id and v.context = '.' join hidden_entity h on h.id = e.entity_id
      union select s.context, s.name from public.registry_subject s
        join hidden_dataset h on h.namespace like 'kafka:%' and s.name in (h.name, h.name || '-key', h.name || '-value')`,
    values: named.values,
  };
}

type Conditions = (hiding: Hiding) => readonly Statement[] | null;

function hiddenRows(select: string, hidings: readonly Hiding[], conditionsOf: Conditions): Statement {
  const { text, values } = either(hidings, conditionsOf);
  return { text: `${select} where ${text}`, values };
}

/** Whether a row falls under any of them. */
function either(hidings: readonly Hiding[], conditionsOf: Conditions): Statement {
  const each = hidings.flatMap((hiding) => {
    const conditions = conditionsOf(hiding);
    if (conditions === null) return [];
    const all = conditions.length === 0 ? 'true' : conditions.map(({ text }) => text).join(' and ');
    return [{ text: `(${all})`, values: conditions.flatMap(({ values }) => values) }];
  });
  return {
    text: each.length === 0 ? 'false' : `(${each.map(({ text }) => text).join(' or ')})`,
    values: each.flatMap(({ values }) => values),
  };
}

/** Conditions with a `?` for the patterns each, where there are some. */
function namesOf(
  { namespaces, names }: Hiding['rule'],
  { inNamespace = 'namespace like any(?::text[])', named = 'name like any(?::text[])' } = {},
): readonly Statement[] {
  return [
    { text: inNamespace, patterns: namespaces },
    { text: named, patterns: names },
  ]
    .filter(({ patterns }) => patterns.length > 0)
    .map(({ text, patterns }) => ({ text, values: [textArray(patterns.map(likePattern))] }));
}

/** A topic that was rewritten has a new name, and what a rule says of the one before is meant of it. */
const nowOrBefore = `exists (select from unnest(?::text[]) pattern where name like pattern
  or exists (select from public.topic_alias f where f.dataset_id = dataset.id and f.name like pattern))`;

function datasetsOf({ rule, datasetIds }: Hiding): readonly Statement[] {
  const carrying = datasetIds === null ? [] : [{ text: 'id = any(?::text[])', values: [textArray(datasetIds)] }];
  return [...namesOf(rule, { named: nowOrBefore }), ...carrying];
}

function entitiesOf({ rule }: Hiding): readonly Statement[] {
  const carrying = {
    text: `exists (select from public.entity_field f where f.version_id = latest_version_id and f.classifications && ?::text[])`,
    values: [textArray(rule.classifications)],
  };
  return [...namesOf(rule), ...(rule.classifications.length === 0 ? [] : [carrying])];
}

/** By its own name only where the rule names some; by what its schemas and topic are in any case. */
function subjectsOf({ rule }: Hiding): readonly Statement[] | null {
  return rule.names.length === 0 || rule.classifications.length > 0
    ? null
    : namesOf(rule, { inNamespace: 'context like any(?::text[])' });
}
