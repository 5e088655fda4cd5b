import type { RunDays } from '../../../domain/transform/run-state.ts';
import {
  type LookupStep,
  originColumn,
  type ShapePlan,
  type ShapeStep,
  type ValueForm,
} from '../../../domain/transform/transform-plan.ts';
import type { TransformOf } from '../../../domain/transform/transformer-spec.ts';
import type { RejectCode } from '../../../services/transform/ports.ts';
import { sqlName, sqlText } from '../duckdb/sql-text.ts';
import { castText, typed } from './cast-sql.ts';
import { instantSql, isoText, isWritable, usualInstant, utcOf } from './date-sql.ts';
import { expressionSql, expressionText } from './expression-sql.ts';
import { isMissing, joined, joinedValue } from './lookup-rows.ts';
import { folderAt, folderColumn, folderOf } from './merge-sql.ts';

/** The first thing that is wrong with a row: a code, a colon, and the field. */
export const faultColumn = 'lineward_fault';

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
  /** Files of lookups, by their numbers. */
  readonly #lookups: readonly string[];
  #sql: string;
  #forms: Map<string, ValueForm>;
  /** Columns of the instants that fields are the texts of. */
  #instants = new Map<string, string>();
  #dates = 0;

  constructor(relation: string, { fields }: ShapePlan, lookups: readonly string[]) {
    this.#lookups = lookups;
    this.#forms = new Map(fields.map(({ name, form }) => [name, form]));
    const names = [originColumn, ...this.#forms.keys()].map(sqlName);
    this.#sql = `SELECT ${names.join(', ')}, CAST(NULL AS VARCHAR) AS ${faultColumn} FROM ${relation}`;
  }

  /** Rows of the plan's columns, with origin and fault. */
  static of(relation: string, plan: ShapePlan, lookups: readonly string[]): string {
    const shape = new ShapeSql(relation, plan, lookups);
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
        break;
      case 'lookup':
        this.#lookUp(step);
    }
  }

  /** A field as text, whatever its form. */
  #text(name: string): string {
    return this.#forms.get(name) === 'JSON' ? `(${sqlName(name)} ->> '$')` : sqlName(name);
  }

  /** Puts new values in the place of fields, or beside them; a row in which one is lost gets the fault. */
  #replace(
    values: readonly NewValue[],
    code: RejectCode | null,
    instants: ReadonlyMap<string, string> = new Map(),
  ): void {
    const given = new Map(values.map(({ name, sql }) => [name, sql]));
    const lost =
      code === null
        ? []
        : values.map(({ name, sql, isThere = `(${sql}) IS NOT NULL` }) =>
            faultWhen(`${this.#text(name)} IS NOT NULL AND NOT ${isThere}`, code, name),
          );
    for (const { name, form } of values) this.#forms.set(name, form);
    this.#select((name) => given.get(name), lost, instants);
  }

  /** In steps, so that each instant is found once, and by the dearer readings only where the usual one finds nothing. */
  #localize(step: Extract<ShapeStep, { readonly type: 'localizeDates' }>): void {
    const first = this.#dates;
    this.#dates += step.fields.length;
    const instants = step.fields.map((name, index) => {
      const text = this.#text(name);
      const column = `lineward_instant_${first + index}`;
      const usual = usualInstant(text, step);
      return { name, column, usual, sql: instantSql(text, step, (field) => this.#text(field)) };
    });
    const usuals = instants.flatMap(({ usual, column }) => (usual === null ? [] : [`${usual} AS ${column}_usual`]));
    if (usuals.length > 0) this.#beside(usuals);
    this.#beside(
      instants.map(({ sql, column, usual }) => {
        const whole = usual === null ? sql : `CASE WHEN ${column}_usual IS NULL THEN ${sql} ELSE ${column}_usual END`;
        return `${whole} AS ${column}`;
      }),
    );
    const code = step.onError === 'null' ? null : 'DATE_UNREADABLE';
    const values = instants.map(({ name, column }) => ({
      name,
      sql: isoText(column),
      form: 'TEXT' as const,
      isThere: isWritable(column),
    }));
    this.#replace(values, code, new Map(instants.map(({ name, column }) => [name, column])));
  }

  #beside(values: readonly string[]): void {
    this.#sql = `SELECT *, ${values.join(', ')} FROM (${this.#sql})`;
  }

  #rename(fields: Readonly<Record<string, string>>): void {
    const moved = new Map(Object.entries(fields).map(([old, name]) => [name, old]));
    const forms = [...moved].map(([name, old]): [string, ValueForm] => [name, this.#forms.get(old) ?? 'TEXT']);
    const instants = [...moved].flatMap(([name, old]): [string, string][] => {
      const column = this.#instants.get(old);
      return column === undefined ? [] : [[name, column]];
    });
    for (const old of moved.values()) this.#forms.delete(old);
    for (const [name, form] of forms) this.#forms.set(name, form);
    const value = (name: string): string | undefined => {
      const old = moved.get(name);
      return old === undefined ? undefined : sqlName(old);
    };
    this.#select(value, [], new Map(instants));
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
    const isOther = `(NOT ${isNothing} AND json_type(${json}) <> 'ARRAY')`;
    const elements = `json_extract(${json}, '$[*]')`;
    const one = 'CAST([NULL] AS JSON[])';
    const none = keepEmpty ? one : 'CAST([] AS JSON[])';
    // A row with a fault stays one row, to be counted.
    const list = `CASE WHEN ${faultColumn} IS NOT NULL OR ${isOther} THEN ${one}
      WHEN ${isNothing} OR len(${elements}) = 0 THEN ${none} ELSE ${elements} END`;
    this.#forms.set(as, 'JSON');
    this.#select((name) => (name === as ? `unnest(${list})` : undefined), [faultWhen(isOther, 'NOT_A_LIST', field)]);
  }

  #lookUp(step: LookupStep): void {
    const { lookup, on, fields, rejects } = step;
    const file = this.#lookups[lookup] ?? '';
    this.#sql = joined(
      this.#sql,
      file,
      on.map((name) => this.#text(name)),
    );
    const given = new Map(fields.map(({ name }, index) => [name, joinedValue(step, index)]));
    for (const { name, form } of fields) this.#forms.set(name, form);
    const faults = rejects ? [faultWhen(isMissing, 'LOOKUP_MISSING', on.join(', '))] : [];
    this.#select((name) => given.get(name), faults);
  }

  #json(name: string): string {
    return this.#forms.get(name) === 'JSON' ? sqlName(name) : `TRY_CAST(${sqlName(name)} AS JSON)`;
  }

  /** All fields, with new values of some of them. The instants of those are lost but for the `fresh` ones. */
  #select(
    newValue: (name: string) => string | undefined = () => undefined,
    faults: readonly string[] = [],
    fresh: ReadonlyMap<string, string> = new Map(),
  ): void {
    const values = [...this.#forms.keys()].map((name) => ({ name, value: newValue(name) }));
    const kept = values.flatMap(({ name, value }): [string, string][] => {
      const column = value === undefined ? this.#instants.get(name) : fresh.get(name);
      return column === undefined ? [] : [[name, column]];
    });
    this.#instants = new Map(kept);
    const list = values.map(({ name, value }) =>
      value === undefined ? sqlName(name) : `${value} AS ${sqlName(name)}`,
    );
    const parts = [sqlName(originColumn), ...list, ...this.#instants.values(), faultOf(faults)];
    this.#sql = `SELECT ${parts.join(', ')} FROM (${this.#sql})`;
  }

  #typed({ columns, key, partition, days = null }: ShapePlan): string {
    const casts: string[] = [];
    const faults: string[] = [];
    const list = columns.map(({ form, ...column }, index) => {
      const name = sqlName(column.name);
      if (form === null) return `CAST(NULL AS ${column.type}) AS ${name}`;
      const { sql, cast, fault } = typed(name, form, column, `lineward_cast_${index}`);
      if (cast !== null) casts.push(cast);
      if (fault !== null) faults.push(faultWhen(fault, 'TYPE_MISMATCH', column.name));
      return `${sql} AS ${name}`;
    });
    if (casts.length > 0) this.#beside(casts);
    const keyless = key.map((name) => faultWhen(`${this.#text(name)} IS NULL`, 'KEY_MISSING', name));
    const known = this.#knownFolder(columns, partition);
    const parts = [...list, sqlName(originColumn), faultOf([...faults, ...keyless]), ...known];
    const rows = `SELECT ${parts.join(', ')} FROM (${this.#sql})`;
    const folder = known.length > 0 ? '' : `, ${folderOf(partition)} AS ${folderColumn}`;
    return `SELECT *${folder} FROM (${rows})${withinDays(partition, days)}`;
  }

  /** The folder by the instant of the date, where it is at hand; nothing where its text has to be read. */
  #knownFolder(columns: ShapePlan['columns'], partition: ShapePlan['partition']): readonly string[] {
    const column = columns.find(({ name }) => name === partition?.column);
    const instant = partition === null ? undefined : this.#instants.get(partition.column);
    if (partition === null || instant === undefined || column?.type !== 'VARCHAR' || column.form !== 'TEXT') return [];
    return [`${folderAt(`CASE WHEN ${isWritable(instant)} THEN ${instant} END`, partition.grain)} AS ${folderColumn}`];
  }
}

/** Rows of some days; one with a fault goes along, since nobody can tell of which day it is. */
function withinDays(partition: ShapePlan['partition'], days: RunDays | null): string {
  if (partition === null || days === null) return '';
  const instant = utcOf(`CAST(${sqlName(partition.column)} AS VARCHAR)`);
  const [from, to] = [days.from, days.to].map((day) => `CAST(${sqlText(day)} AS TIMESTAMP)`);
  return ` WHERE ${faultColumn} IS NOT NULL OR coalesce(${instant} >= ${from} AND ${instant} < ${to}, FALSE)`;
}

/** A branch of the CASE of {@link faultOf}. */
const faultWhen = (condition: string, code: RejectCode, field: string): string =>
  `WHEN ${condition} THEN ${sqlText(`${code}:${field}`)}`;

/** The fault that a row has, or the first of those that are found now. */
const faultOf = (found: readonly string[]): string =>
  found.length === 0
    ? faultColumn
    : `CASE WHEN ${faultColumn} IS NOT NULL THEN ${faultColumn} ${found.join(' ')} END AS ${faultColumn}`;

/** JSON Pointer (RFC 6901) to a member of an object. */
const pointerTo = (name: string): string => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
