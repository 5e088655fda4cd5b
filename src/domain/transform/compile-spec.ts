import type { LakeColumn } from '../lake/lake-column.ts';
import { FieldFlow, flowingField, type NumberedLookup } from './field-flow.ts';
import { type FieldOrigin, isOfAccount, isValueOf } from './field-origin.ts';
import { type LookupPlan, lookupPlan, lookupsIn, type PlacedLookup } from './lookup-plan.ts';
import { MergeRules } from './merge-rules.ts';
import { resourceCodecs, resourceIssues } from './resource-checks.ts';
import { type ColumnOrigin, conflictsOf, type DecidingField, decidingFields, originOf } from './source-columns.ts';
import type { ResourceFacts, SpecFacts } from './spec-facts.ts';
import { knownNames, placeOf, type SpecIssue, type SpecIssueCode } from './spec-issue.ts';
import { formOfColumn, type MergePlan, reservedPrefix, type ShapePlan } from './transform-plan.ts';
import type { SourceSpec, TransformerSpec } from './transformer-spec.ts';

export interface CompiledSpec {
  readonly shapes: readonly (ShapePlan & { readonly protects: boolean })[];
  /** By their numbers. */
  readonly lookups: readonly LookupPlan[];
  readonly merge: MergePlan;
  /** By which columns accounts and persons are found in the table. */
  readonly accountField: string;
  readonly subjectFields: readonly string[];
  readonly origins: readonly ColumnOrigin[];
  readonly deciding: readonly DecidingField[];
}

export type Compiled =
  | { readonly ok: true; readonly compiled: CompiledSpec }
  | { readonly ok: false; readonly issues: readonly SpecIssue[] };

const megabyte = 1_048_576;
const fileMbDefault = 128;

/** Turns a document into what is to be done, or finds all that is wrong with it. */
export function compileSpec(spec: TransformerSpec, facts: SpecFacts): Compiled {
  const compiler = new SpecCompiler(spec, facts);
  const compiled = compiler.compile();
  return compiled === null || compiler.issues.length > 0
    ? { ok: false, issues: compiler.issues }
    : { ok: true, compiled };
}

class SpecCompiler {
  readonly issues: SpecIssue[] = [];
  readonly #spec: TransformerSpec;
  readonly #facts: SpecFacts;
  readonly #lookups: readonly PlacedLookup[];

  constructor(spec: TransformerSpec, facts: SpecFacts) {
    this.#spec = spec;
    this.#facts = facts;
    this.#lookups = lookupsIn(spec);
  }

  compile(): CompiledSpec | null {
    const flows = this.#spec.sources.map((source, index) => this.#flow(source, index));
    this.issues.push(...resourceIssues(this.#spec.resource));
    const { resource } = this.#facts;
    if (resource === null) {
      const { namespace, entity, version } = this.#spec.resource.schema;
      this.#fault(
        'UNKNOWN_SCHEMA',
        ['resource', 'schema'],
        `There is no version ${version} of ${namespace}.${entity}; register it first.`,
      );
      return null;
    }
    this.#checkNames(
      resource.columns.map(({ name }) => name),
      ['resource', 'schema'],
    );
    const known = new Map(resource.columns.map((column) => [column.name, column]));
    this.#checkColumns(resource, flows);
    const rules = new MergeRules(this.#spec, known);
    const merge = { order: rules.order(), combine: rules.combine(), partition: rules.partition() };
    this.issues.push(...rules.issues);
    this.#checkSums();
    const keys = this.#keysOf(flows, known);
    return {
      shapes: flows.map((flow, index) => ({ ...this.#shape(flow, index, resource), partition: merge.partition })),
      lookups: this.#lookups.flatMap((placed, number) => {
        const facts = this.#facts.lookups[number] ?? null;
        return facts === null ? [] : [lookupPlan(placed, facts)];
      }),
      merge: {
        columns: resource.columns,
        key: this.#spec.key,
        ...merge,
        file: this.#file(resource),
      },
      ...keys,
      origins: resource.columns.map(({ name }) => originOf(name, flows)),
      deciding: decidingFields(flows),
    };
  }

  #flow(source: SourceSpec, index: number): FieldFlow | null {
    const facts = this.#facts.sources[index] ?? null;
    const path = ['sources', index];
    if (facts === null) {
      if (source.topic !== undefined)
        this.#fault(
          'UNKNOWN_TOPIC',
          [...path, 'topic'],
          `No entity is mapped to a topic ${source.topic}; map it with its account and subject fields (mapEntity, role TOPIC), so that what is erased there stays away here.`,
        );
      return null;
    }
    this.#checkNames(
      facts.fields.map(({ name }) => name),
      [...path, facts.kind.toLowerCase()],
    );
    const fields = new Map(facts.fields.map((field) => [field.name, flowingField(field)]));
    const flow = new FieldFlow(fields, facts.accountField);
    for (const [step, transform] of (source.transforms ?? []).entries()) {
      const place = [...path, 'transforms', step];
      if (transform.type === 'protect' && step > 0)
        this.#fault(
          'PROTECT_PLACE',
          [...place, 'type'],
          'protect is about records as their schema has them; put it first.',
        );
      if (transform.type === 'protect' && facts.kind === 'TABLE')
        this.#fault(
          'PROTECT_PLACE',
          [...place, 'type'],
          'Rows of a table are as protected as that is, and nothing may be done twice; ask for a protection of the tables instead.',
        );
      flow.take(transform, place, this.#lookupAt(index, step, place));
    }
    this.issues.push(...flow.issues);
    return flow;
  }

  /** The lookup that is that transform; null for another one. */
  #lookupAt(source: number, step: number, path: readonly PropertyKey[]): NumberedLookup | null {
    const number = this.#lookups.findIndex((one) => one.source === source && one.step === step);
    if (number < 0) return null;
    const facts = this.#facts.lookups[number] ?? null;
    this.#checkNames(facts?.fields.map(({ name }) => name) ?? [], path);
    return { number, facts };
  }

  /** The engine takes names that differ by case alone for one, and needs some for itself. */
  #checkNames(names: readonly string[], path: readonly PropertyKey[]): void {
    const seen = new Set<string>();
    for (const name of names) {
      const lower = name.toLowerCase();
      if (seen.has(lower))
        this.#fault('DUPLICATE_FIELD', path, `Its schema has two fields ${name} that differ by case alone.`);
      if (lower.startsWith(reservedPrefix))
        this.#fault(
          'FIELD_NAME',
          path,
          `Its schema has a field ${name}; names of fields do not begin with ${reservedPrefix}.`,
        );
      seen.add(lower);
    }
  }

  #checkSums(): void {
    if (this.#spec.merge.combine?.some((one) => one.with === 'sum') !== true) return;
    for (const [index, facts] of this.#facts.sources.entries())
      if (facts?.movesRows === true)
        this.#fault(
          'TYPE_CONFLICT',
          ['sources', index, 'table'],
          'A transformer makes it, and puts rows into other files as it merges, so that a sum would count them again; take the sources of that.',
        );
  }

  /** Every column of the key must come from every source, and no source may give what its column does not take. */
  #checkColumns({ columns, fullName }: ResourceFacts, flows: readonly (FieldFlow | null)[]): void {
    const known = new Map(columns.map((column) => [column.name, column]));
    for (const [index, name] of this.#spec.key.entries()) {
      if (this.#spec.key.indexOf(name) < index)
        this.#fault('DUPLICATE_FIELD', ['key', index], `${name} is in the key twice.`);
      if (!known.has(name)) this.#unknownColumn(name, ['key', index], known);
      else if (known.get(name)?.type === 'JSON')
        this.#fault('KEY_MISSING', ['key', index], `${name} is a JSON column, which cannot name a row.`);
      else
        for (const [source, flow] of flows.entries())
          if (flow !== null && !flow.fields.has(name))
            this.#fault(
              'KEY_MISSING',
              ['sources', source],
              `It gives no field ${name}, which is of the key; rename or derive one.`,
            );
    }
    for (const [source, flow] of flows.entries())
      for (const [name, field] of flow?.fields ?? []) {
        const type = known.get(name)?.type;
        if (type !== undefined && type !== 'JSON' && field.isNested && field.isSame)
          this.#fault(
            'TYPE_CONFLICT',
            ['sources', source],
            `Its field ${name} is an object or a list, and ${fullName} has a ${type} there; flatten, explode or drop it.`,
          );
      }
    this.issues.push(...conflictsOf(columns, flows));
    if (this.#spec.resource.format === 'avro')
      for (const { name } of columns)
        if (!/^[A-Za-z_]\w*$/u.test(name))
          this.#fault('FIELD_NAME', ['resource', 'format'], `Avro has no field of the name ${name}; use parquet.`);
  }

  /** Keys of the table: those of the sources, under the names that they have in the end. */
  #keysOf(flows: readonly (FieldFlow | null)[], known: ReadonlyMap<string, LakeColumn>) {
    const named = flows.map((flow, index) => {
      const facts = this.#facts.sources[index] ?? null;
      if (flow === null || facts === null) return null;
      const columnWhere = (isIt: (origins: readonly FieldOrigin[]) => boolean): string | null => {
        for (const [name, { origins, isSame }] of flow.fields)
          if (isSame && known.has(name) && isIt(origins)) return name;
        return null;
      };
      const columnOf = (field: string) => columnWhere((origins) => origins.some(isValueOf(null, field)));
      const account = columnOf(facts.accountField);
      // Persons of the account that rows name by what they looked up.
      const found = this.#facts.lookups.flatMap((there, lookup) =>
        (there?.subjectFields ?? []).map((field) => {
          const of = { lookup, field, account: facts.accountField, accountThere: there?.accountField ?? '' };
          return columnWhere((origins) => isOfAccount(origins, of));
        }),
      );
      if (account === null)
        this.#fault(
          'ACCOUNT_MISSING',
          ['sources', index],
          `The table would have no column with its account (${facts.accountField}), so nobody could be found in it; keep that, under any name.`,
        );
      const subjects = [...facts.subjectFields.map(columnOf), ...found].filter((name) => name !== null);
      return { account, subjects };
    });
    const accounts = [...new Set(named.map((one) => one?.account ?? null).filter((name) => name !== null))];
    if (accounts.length > 1)
      this.#fault(
        'ACCOUNT_MISSING',
        ['sources'],
        `Sources name their accounts by different columns (${accounts.join(', ')}); rename them alike.`,
      );
    return {
      accountField: accounts[0] ?? '',
      subjectFields: [...new Set(named.flatMap((one) => one?.subjects ?? []))],
    };
  }

  #file({ fullName }: ResourceFacts): MergePlan['file'] {
    const { format, codec, fileSizeMb } = this.#spec.resource;
    return {
      format,
      codec: codec ?? resourceCodecs[format][0] ?? 'none',
      bytes: (fileSizeMb ?? fileMbDefault) * megabyte,
      recordName: fullName,
    };
  }

  #shape(flow: FieldFlow | null, index: number, { columns }: ResourceFacts) {
    const facts = this.#facts.sources[index] ?? null;
    const transforms = this.#spec.sources[index]?.transforms ?? [];
    return {
      fields: (facts?.fields ?? []).map(({ name, column }) => ({ name, form: formOfColumn(column) })),
      steps: flow?.steps ?? [],
      columns: columns.map((column) => ({ ...column, form: flow?.fields.get(column.name)?.form ?? null })),
      key: this.#spec.key,
      protects: transforms[0]?.type === 'protect',
    };
  }

  #unknownColumn(name: string, path: readonly PropertyKey[], known: ReadonlyMap<string, LakeColumn>): void {
    this.#fault('UNKNOWN_FIELD', path, `The schema of the table has no field ${name}.${knownNames(known.keys())}`);
  }

  #fault(code: SpecIssueCode, path: readonly PropertyKey[], message: string): void {
    this.issues.push({ path: placeOf(path), code, message });
  }
}
