import type { LakeColumn } from '../../../domain/lake/lake-column.ts';
import type { RunDays } from '../../../domain/transform/run-state.ts';
import {
  originColumn,
  type ShapePlan,
  type ShapeStep,
  type ValueForm,
} from '../../../domain/transform/transform-plan.ts';
import type { TransformOf } from '../../../domain/transform/transformer-spec.ts';
import type { RejectCode } from '../../../services/transform/ports.ts';
import { sqlName, sqlText } from '../duckdb/sql-text.ts';
import { instantSql, isoText, isWritable, utcOf } from './date-sql.ts';
import { expressionSql, expressionText, numberPattern } from './expression-sql.ts';
import { folderColumn, folderOf } from './merge-sql.ts';

/** The first thing that is wrong with a row: a code, a colon, and the field. */
export const faultColumn = 'lineward_fault';

const wholePattern = '-?(0|[1-9]\\d*)';

interface NewValue {
  readonly name: string;
  readonly sql: string;
  readonly form: ValueForm;
  /** True in SQL where there is one; that it is not NULL, when absent. */
  readonly isThere?: string;
}

/**
 * One SELECT upon the other, a step each. Every value and name is quoted by us, and every expression was read before; a row with
 * a fault goes along to the end, where it is counted.
 */
export class ShapeSql {
  #sql: string;
  #forms: Map<string, ValueForm>;

  constructor(relation: string, { fields }: ShapePlan) {
    this.#forms = new Map(fields.map(({ name, form }) => [name, form]));
    const names = [originColumn, ...this.#forms.keys()].map(sqlName);
    this.#sql = `SELECT ${names.join(', ')}, CAST(NULL AS VARCHAR) AS ${faultColumn} FROM ${relation}`;
  }

  /** Rows of the plan's columns, with origin and fault. */
  static of(relation: string, plan: ShapePlan): string {
    const shape = new ShapeSql(relation, plan);
    for (const step of plan.steps) shape.#take(step);
    return shape.#typed(plan);
  }

  #take(step: ShapeStep): void {
    switch (step.type) {
      case 'localizeDates':
        this.#localize(step);
        break;
      case 'cast':
        this.#replace(
          Object.entries(step.fields).map(([name, type]) => ({
            name,
            sql: castText(this.#text(name), type),
            form: type === 'string' ? 'TEXT' : 'SCALAR',
          })),
          step.onError === 'null' ? null : 'CAST_FAILED',
        );
        break;
      case 'rename':
        this.#rename(step.fields);
        break;
      case 'drop':
        for (const name of step.fields) this.#forms.delete(name);
        this.#select();
        break;
      case 'filter':
        this.#where(expressionSql(step.where, (name) => this.#text(name)));
        break;
      case 'derive':
        this.#replace(
          step.fields.map(({ name, value }) => ({
            name,
            sql: expressionText(value, (field) => this.#text(field)),
            form: 'TEXT',
          })),
          null,
        );
        break;
      case 'flatten':
        this.#flatten(step);
        break;
      case 'explode':
        this.#explode(step);
    }
  }

  /** A field as text, whatever its form. */
  #text(name: string): string {
    return this.#forms.get(name) === 'JSON' ? `(${sqlName(name)} ->> '$')` : sqlName(name);
  }

  /** Puts new values in the place of fields, or beside them; a row in which one is lost gets the fault. */
  #replace(values: readonly NewValue[], code: RejectCode | null): void {
    const given = new Map(values.map(({ name, sql }) => [name, sql]));
    const lost =
      code === null
        ? []
        : values.map(({ name, sql, isThere = `(${sql}) IS NOT NULL` }) =>
            faultWhen(`${this.#text(name)} IS NOT NULL AND NOT ${isThere}`, code, name),
          );
    for (const { name, form } of values) this.#forms.set(name, form);
    this.#select((name) => given.get(name), lost);
  }

  /** In two steps, so that each instant is found once. */
  #localize(step: Extract<ShapeStep, { readonly type: 'localizeDates' }>): void {
    const instants = step.fields.map((name, index) => {
      return {
        name,
        column: `lineward_instant_${index}`,
        sql: instantSql(this.#text(name), step, (field) => this.#text(field)),
      };
    });
    this.#sql = `SELECT *, ${instants.map(({ sql, column }) => `${sql} AS ${column}`).join(', ')} FROM (${this.#sql})`;
    const code = step.onError === 'null' ? null : 'DATE_UNREADABLE';
    this.#replace(
      instants.map(({ name, column }) => ({
        name,
        sql: isoText(column),
        form: 'TEXT' as const,
        isThere: isWritable(column),
      })),
      code,
    );
  }

  #rename(fields: Readonly<Record<string, string>>): void {
    const moved = new Map(Object.entries(fields).map(([old, name]) => [name, old]));
    const forms = [...moved].map(([name, old]): [string, ValueForm] => [name, this.#forms.get(old) ?? 'TEXT']);
    for (const old of moved.values()) this.#forms.delete(old);
    for (const [name, form] of forms) this.#forms.set(name, form);
    this.#select((name) => {
      const old = moved.get(name);
      return old === undefined ? undefined : sqlName(old);
    });
  }

  #where(condition: string): void {
    this.#sql = `SELECT * FROM (${this.#sql}) WHERE ${faultColumn} IS NOT NULL OR coalesce(${condition}, FALSE)`;
  }

  #flatten({ field, members, separator = '_' }: TransformOf<'flatten'>): void {
    const json = this.#json(field);
    const given = new Map(
      members.map((member) => [
        `${field}${separator}${member}`,
        `json_extract(${json}, ${sqlText(pointerTo(member))})`,
      ]),
    );
    this.#forms.delete(field);
    for (const name of given.keys()) this.#forms.set(name, 'JSON');
    this.#select((name) => given.get(name));
  }

  #explode({ field, as = field, keepEmpty = false }: TransformOf<'explode'>): void {
    const json = this.#json(field);
    const isNothing = `(${json} IS NULL OR json_type(${json}) = 'NULL')`;
    const fault = faultWhen(`NOT ${isNothing} AND json_type(${json}) <> 'ARRAY'`, 'NOT_A_LIST', field);
    const elements = `json_extract(${json}, '$[*]')`;
    const one = 'CAST([NULL] AS JSON[])';
    const none = keepEmpty ? one : 'CAST([] AS JSON[])';
    // A row with a fault stays one row, to be counted.
    const list = `CASE WHEN ${faultColumn} IS NOT NULL OR ${fault} IS NOT NULL THEN ${one}
      WHEN ${isNothing} OR len(${elements}) = 0 THEN ${none} ELSE ${elements} END`;
    this.#forms.set(as, 'JSON');
    this.#select((name) => (name === as ? `unnest(${list})` : undefined), [fault]);
  }

  #json(name: string): string {
    return this.#forms.get(name) === 'JSON' ? sqlName(name) : `TRY_CAST(${sqlName(name)} AS JSON)`;
  }

  #select(newValue: (name: string) => string | undefined = () => undefined, faults: readonly string[] = []): void {
    const list = [...this.#forms.keys()].map((name) => {
      const value = newValue(name);
      return value === undefined ? sqlName(name) : `${value} AS ${sqlName(name)}`;
    });
    const fault =
      faults.length === 0 ? faultColumn : `coalesce(${[faultColumn, ...faults].join(', ')}) AS ${faultColumn}`;
    this.#sql = `SELECT ${[sqlName(originColumn), ...list, fault].join(', ')} FROM (${this.#sql})`;
  }

  #typed({ columns, key, partition, days = null }: ShapePlan): string {
    const faults: string[] = [];
    const list = columns.map(({ form, ...column }) => {
      const name = sqlName(column.name);
      if (form === null) return `CAST(NULL AS ${column.type}) AS ${name}`;
      const { sql, fault } = typed(name, form, column);
      if (fault !== null) faults.push(faultWhen(fault, 'TYPE_MISMATCH', column.name));
      return `${sql} AS ${name}`;
    });
    const keyless = key.map((name) => faultWhen(`${this.#text(name)} IS NULL`, 'KEY_MISSING', name));
    const rows = `SELECT ${list.join(', ')}, ${sqlName(originColumn)},
      coalesce(${[faultColumn, ...faults, ...keyless].join(', ')}) AS ${faultColumn} FROM (${this.#sql})`;
    return `SELECT *, ${folderOf(partition)} AS ${folderColumn} FROM (${rows})${withinDays(partition, days)}`;
  }
}

/** Rows of some days; one with a fault goes along, since nobody can tell of which day it is. */
function withinDays(partition: ShapePlan['partition'], days: RunDays | null): string {
  if (partition === null || days === null) return '';
  const instant = utcOf(`CAST(${sqlName(partition.column)} AS VARCHAR)`);
  const [from, to] = [days.from, days.to].map((day) => `CAST(${sqlText(day)} AS TIMESTAMP)`);
  return ` WHERE ${faultColumn} IS NOT NULL OR coalesce(${instant} >= ${from} AND ${instant} < ${to}, FALSE)`;
}

const faultWhen = (condition: string, code: RejectCode, field: string): string =>
  `CASE WHEN ${condition} THEN ${sqlText(`${code}:${field}`)} END`;

/** JSON Pointer (RFC 6901) to a member of an object. */
const pointerTo = (name: string): string => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;

/** A value as the column takes it; `fault` is true in SQL for one that it does not take. */
function typed(
  name: string,
  form: ValueForm,
  { type }: LakeColumn,
): { readonly sql: string; readonly fault: string | null } {
  if (type === 'JSON') {
    if (form === 'JSON') return { sql: `CASE WHEN json_type(${name}) <> 'NULL' THEN ${name} END`, fault: null };
    return { sql: form === 'SCALAR' ? `CAST(${name} AS JSON)` : `to_json(${name})`, fault: null };
  }
  const text = form === 'JSON' ? `(${name} ->> '$')` : name;
  // Objects and lists are no texts, although they can be written as such.
  if (type === 'VARCHAR')
    return { sql: text, fault: form === 'JSON' ? `json_type(${name}) IN ('OBJECT', 'ARRAY')` : null };
  const sql = castTo(text, type);
  return { sql, fault: `${text} IS NOT NULL AND (${sql}) IS NULL` };
}

const patterns = { INTEGER: wholePattern, BIGINT: wholePattern, DOUBLE: numberPattern, BOOLEAN: 'true|false' } as const;

/** Only what JSON takes for such a value: DuckDB's own casts round fractions and read spaces, signs and hexadecimals. */
const castTo = (text: string, type: keyof typeof patterns): string =>
  `CASE WHEN regexp_full_match(${text}, ${sqlText(patterns[type])}) THEN TRY_CAST(${text} AS ${type}) END`;

const castTypes = { int: 'INTEGER', long: 'BIGINT', double: 'DOUBLE', boolean: 'BOOLEAN' } as const;

function castText(text: string, type: 'string' | keyof typeof castTypes): string {
  return type === 'string' ? text : `CAST(${castTo(`trim(${text})`, castTypes[type])} AS VARCHAR)`;
}
