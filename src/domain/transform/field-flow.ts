import type { LakeColumn } from '../lake/lake-column.ts';
import { formatFault, zoneFault } from './date-format.ts';
import { readExpression } from './expression.ts';
import { distinctOrigins, type FieldOrigin, ofSource } from './field-origin.ts';
import type { SourceFacts } from './spec-facts.ts';
import { knownNames, placeOf, type SpecIssue, type SpecIssueCode } from './spec-issue.ts';
import { formOfColumn, reservedPrefix, type ShapeStep, type ValueForm } from './transform-plan.ts';
import type { TransformOf, TransformSpec } from './transformer-spec.ts';

/** A field on its way through the transforms of a source. */
export interface FlowingField {
  readonly form: ValueForm;
  /** Of the column that the source has it in; null once something else than the name was changed. */
  readonly type: LakeColumn['type'] | null;
  /** True while it may hold an object or a list. */
  readonly isNested: boolean;
  /** Fields that its values are made of. */
  readonly origins: readonly FieldOrigin[];
  /** False once something else than the name was changed. */
  readonly isSame: boolean;
}

type Path = readonly PropertyKey[];

/** A field as its source has it. */
export const flowingField = ({ name, column, isNested }: SourceFacts['fields'][number]): FlowingField => ({
  form: formOfColumn(column),
  type: column,
  isNested,
  origins: [ofSource(name)],
  isSame: true,
});

const made = (origins: Iterable<FieldOrigin>): FlowingField => ({
  form: 'TEXT',
  type: null,
  isNested: false,
  origins: distinctOrigins(origins),
  isSame: false,
});

/** A lookup by its number; null facts where nobody knows what it names. */
export interface NumberedLookup {
  readonly number: number;
  readonly facts: SourceFacts | null;
}

const kindOfDefault: Readonly<Partial<Record<LakeColumn['type'], string>>> = {
  VARCHAR: 'string',
  INTEGER: 'number',
  BIGINT: 'number',
  DOUBLE: 'number',
  BOOLEAN: 'boolean',
};

/** Follows the fields of a source through its transforms, and notes what is wrong with these. */
export class FieldFlow {
  readonly issues: SpecIssue[] = [];
  readonly steps: ShapeStep[] = [];
  /** Fields that decide which rows there are, or what goes into them, without going into them. */
  readonly deciding: { readonly origins: readonly FieldOrigin[]; readonly path: Path }[] = [];
  readonly #accountField: string;
  #fields: Map<string, FlowingField>;

  constructor(fields: ReadonlyMap<string, FlowingField>, accountField: string) {
    this.#fields = new Map(fields);
    this.#accountField = accountField;
  }

  get fields(): ReadonlyMap<string, FlowingField> {
    return this.#fields;
  }

  /** Takes the transform at that path of the document; a lookup with what is known of it. */
  take(transform: TransformSpec, path: Path, lookup: NumberedLookup | null = null): void {
    switch (transform.type) {
      case 'localizeDates':
        this.#localize(transform, path);
        break;
      case 'rename':
        this.#rename(transform, path);
        break;
      case 'cast':
        for (const [name, type] of Object.entries(transform.fields))
          if (this.#needs(name, [...path, 'fields', name])) this.#change(name, type === 'string' ? 'TEXT' : 'SCALAR');
        this.steps.push(transform);
        break;
      case 'drop':
        for (const [index, name] of transform.fields.entries())
          if (this.#needs(name, [...path, 'fields', index])) this.#fields.delete(name);
        this.steps.push(transform);
        break;
      case 'filter':
        this.#filter(transform, path);
        break;
      case 'derive':
        this.#derive(transform, path);
        break;
      case 'flatten':
        this.#flatten(transform, path);
        break;
      case 'explode':
        this.#explode(transform, path);
        break;
      case 'lookup':
        if (lookup !== null) this.#lookUp(transform, path, lookup);
        break;
      case 'protect':
        // What comes first is done to whole records before they are handed over.
        break;
    }
  }

  #localize(transform: TransformOf<'localizeDates'>, path: Path): void {
    for (const [index, name] of transform.fields.entries())
      if (this.#needs(name, [...path, 'fields', index])) this.#change(name);
    const formats = transform.formats ?? ['iso8601', 'rfc2822'];
    for (const [index, format] of formats.entries()) {
      const fault = formatFault(format);
      if (fault !== null) this.#fault('FORMAT_INVALID', [...path, 'formats', index], fault);
    }
    const { zone } = transform;
    if (typeof zone === 'string') this.#zone(zone, [...path, 'zone']);
    else if (zone !== undefined && 'field' in zone) this.#needs(zone.field, [...path, 'zone', 'field']);
    else if (zone !== undefined) {
      this.#needs(this.#accountField, [...path, 'zone', 'accounts']);
      for (const [account, name] of Object.entries(zone.accounts))
        this.#zone(name, [...path, 'zone', 'accounts', account]);
      if (zone.default !== undefined) this.#zone(zone.default, [...path, 'zone', 'default']);
    }
    this.steps.push({ ...transform, formats, accountField: this.#accountField });
  }

  #zone(name: string, path: Path): void {
    const fault = zoneFault(name);
    if (fault !== null) this.#fault('ZONE_UNKNOWN', path, fault);
  }

  #rename(transform: TransformOf<'rename'>, path: Path): void {
    const taken = Object.entries(transform.fields).filter(([old]) => this.#needs(old, [...path, 'fields', old]));
    const moved = taken.map(([old, name]) => ({ name, field: this.#fields.get(old), path: [...path, 'fields', old] }));
    for (const [old] of taken) this.#fields.delete(old);
    for (const { name, field, path: place } of moved) if (field !== undefined) this.#add(name, field, place);
    this.steps.push(transform);
  }

  #filter({ where }: TransformOf<'filter'>, path: Path): void {
    const read = readExpression(where, new Set(this.#fields.keys()));
    if (!read.ok) this.#fault('EXPRESSION_INVALID', [...path, 'where'], this.#withFields(read.message));
    else if (read.type !== 'BOOLEAN')
      this.#fault('EXPRESSION_INVALID', [...path, 'where'], `It answers ${read.type}; a filter needs true or false.`);
    else {
      this.steps.push({ type: 'filter', where: read.expression });
      this.deciding.push({ origins: this.#originsOf(read.fields), path: [...path, 'where'] });
    }
  }

  #derive({ fields }: TransformOf<'derive'>, path: Path): void {
    const known = new Set(this.#fields.keys());
    const derived = Object.entries(fields).flatMap(([name, text]) => {
      const place = [...path, 'fields', name];
      const read = readExpression(text, known);
      if (!read.ok) {
        this.#fault('EXPRESSION_INVALID', place, this.#withFields(read.message));
        return [];
      }
      const origins = this.#originsOf(read.fields);
      return [{ name, value: read.expression, origins, place }];
    });
    for (const { name, origins, place } of derived) {
      if (this.#fields.has(name)) this.#fields.set(name, made(origins));
      else this.#add(name, made(origins), place);
    }
    this.steps.push({ type: 'derive', fields: derived.map(({ name, value }) => ({ name, value })) });
  }

  #flatten(transform: TransformOf<'flatten'>, path: Path): void {
    if (!this.#needs(transform.field, [...path, 'field'])) return;
    const origins = this.#fields.get(transform.field)?.origins ?? [];
    for (const [index, member] of transform.members.entries()) {
      const name = `${transform.field}${transform.separator ?? '_'}${member}`;
      this.#add(name, { ...made(origins), form: 'JSON', isNested: true }, [...path, 'members', index]);
    }
    this.#fields.delete(transform.field);
    this.steps.push(transform);
  }

  #explode(transform: TransformOf<'explode'>, path: Path): void {
    if (!this.#needs(transform.field, [...path, 'field'])) return;
    const field = this.#fields.get(transform.field) ?? made([]);
    const element: FlowingField = { ...made(field.origins), form: 'JSON', isNested: true };
    const name = transform.as ?? transform.field;
    if (this.#fields.has(name) && name !== transform.field) this.#add(name, element, [...path, 'as']);
    else this.#fields.set(name, element);
    this.steps.push(transform);
  }

  #originsOf(fields: Iterable<string>): readonly FieldOrigin[] {
    return [...fields].flatMap((field) => this.#fields.get(field)?.origins ?? []);
  }

  #lookUp(transform: TransformOf<'lookup'>, path: Path, { number, facts }: NumberedLookup): void {
    const keys = Object.entries(transform.on);
    for (const [field] of keys) this.#canCompare(field, [...path, 'on', field]);
    const found = (field: string, place: Path) => this.#fieldOf(facts, field, place);
    for (const [field, key] of keys)
      if (found(key, [...path, 'on', field])?.isNested === true)
        this.#fault('TYPE_CONFLICT', [...path, 'on', field], `${key} of the lookup is an object or a list.`);
    const joins = keys.flatMap(([field, key]) => [
      ...(this.#fields.get(field)?.origins ?? []).map((origin) => ({ ...origin, isJoin: true })),
      { lookup: number, field: key, isJoin: true },
    ]);
    this.deciding.push({ origins: joins, path: [...path, 'on'] });
    const fields = Object.entries(transform.fields).map(([name, field]) => {
      const place = [...path, 'fields', name];
      const of = found(field, place);
      const origins = distinctOrigins([{ lookup: number, field, isJoin: false }, ...joins]);
      const added = of === null ? made(origins) : { ...flowingField(of), origins };
      this.#add(name, added, place);
      return { name, form: added.form, otherwise: this.#default(transform, name, added, path) };
    });
    for (const name of Object.keys(transform.defaults ?? {}))
      if (!Object.hasOwn(transform.fields, name))
        this.#fault('UNKNOWN_FIELD', [...path, 'defaults', name], `The lookup gives no field ${name}.`);
    const on = keys.map(([field]) => field);
    this.steps.push({ type: 'lookup', lookup: number, on, fields, rejects: transform.missing === 'reject' });
  }

  /** A field of the lookup; null, with an issue, for one that it does not have. */
  #fieldOf(facts: SourceFacts | null, name: string, path: Path): SourceFacts['fields'][number] | null {
    const field = facts?.fields.find((one) => one.name === name) ?? null;
    if (facts !== null && field === null) {
      const known = knownNames(facts.fields.map((one) => one.name));
      this.#fault('UNKNOWN_FIELD', path, `The lookup has no field ${name}.${known}`);
    }
    return field;
  }

  #canCompare(name: string, path: Path): void {
    const field = this.#needs(name, path) ? this.#fields.get(name) : undefined;
    if (field?.isNested === true && field.isSame)
      this.#fault('TYPE_CONFLICT', path, `${name} is an object or a list; flatten or explode it before.`);
  }

  /** What a row without a match gets, as its form has it. */
  #default({ defaults = {} }: TransformOf<'lookup'>, name: string, field: FlowingField, path: Path): string | null {
    const value = Object.hasOwn(defaults, name) ? defaults[name] : undefined;
    if (value === undefined) return null;
    const wanted = field.type === null ? undefined : kindOfDefault[field.type];
    if (field.isNested || (wanted !== undefined && typeof value !== wanted))
      this.#fault(
        'TYPE_CONFLICT',
        [...path, 'defaults', name],
        `The lookup has a ${field.isNested ? 'nested value' : field.type} there, and the default is a ${typeof value}.`,
      );
    return field.form === 'JSON' ? JSON.stringify(value) : String(value);
  }

  #change(name: string, form: ValueForm = 'TEXT'): void {
    const field = this.#fields.get(name);
    if (field !== undefined) this.#fields.set(name, { ...made(field.origins), form });
  }

  #add(name: string, field: FlowingField, path: Path): void {
    const other = [...this.#fields.keys()].find((known) => known.toLowerCase() === name.toLowerCase());
    if (other !== undefined)
      this.#fault('DUPLICATE_FIELD', path, `There is a field ${other} already; rename or drop that before.`);
    else if (name.toLowerCase().startsWith(reservedPrefix))
      this.#fault('FIELD_NAME', path, `Names of fields do not begin with ${reservedPrefix}.`);
    else this.#fields.set(name, field);
  }

  /** False, with an issue, for a field that there is not. */
  #needs(name: string, path: Path): boolean {
    if (this.#fields.has(name)) return true;
    this.#fault('UNKNOWN_FIELD', path, this.#withFields(`There is no field ${name} at this point.`));
    return false;
  }

  #withFields(message: string): string {
    return `${message}${knownNames(this.#fields.keys())}`;
  }

  #fault(code: SpecIssueCode, path: Path, message: string): void {
    this.issues.push({ path: placeOf(path), code, message });
  }
}
