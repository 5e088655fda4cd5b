import type { LakeColumn } from '../lake/lake-column.ts';
import { knownNames, placeOf, type SpecIssue, type SpecIssueCode } from './spec-issue.ts';
import type { CombinedColumn, MergePlan, OrderTerm } from './transform-plan.ts';
import type { TransformerSpec } from './transformer-spec.ts';

/** Reads how rows of one key become one, over the columns of the table, and notes what is wrong with it. */
export class MergeRules {
  readonly issues: SpecIssue[] = [];
  readonly #spec: TransformerSpec;
  readonly #columns: ReadonlyMap<string, LakeColumn>;

  constructor(spec: TransformerSpec, columns: ReadonlyMap<string, LakeColumn>) {
    this.#spec = spec;
    this.#columns = columns;
  }

  order(): readonly OrderTerm[] {
    const { strategy, fields, by } = this.#spec.merge;
    if (strategy !== 'deduplicate') {
      if (by === undefined)
        this.#fault('COMPARE_MISSING', ['merge', 'by'], `${strategy} needs the column with the date that decides.`);
      if (fields !== undefined)
        this.#fault(
          'COMPARE_MISSING',
          ['merge', 'fields'],
          `${strategy} goes by one date; give that as by, or use deduplicate.`,
        );
      if (by === undefined || !this.#column(by, ['merge', 'by'])) return [];
      return [{ column: by, compare: 'DATES', keeps: strategy === 'latest' ? 'GREATER' : 'LESSER' }];
    }
    if (by !== undefined) this.#fault('COMPARE_MISSING', ['merge', 'by'], 'deduplicate goes by fields; take by away.');
    if (fields === undefined)
      this.#fault(
        'COMPARE_MISSING',
        ['merge', 'fields'],
        'deduplicate needs the fields by which one of two rows is the one that stays.',
      );
    return (fields ?? []).flatMap(({ name, compare, direction }, index) => {
      const path = ['merge', 'fields', index];
      const isKnown = this.#column(name, [...path, 'name']);
      const way = this.#compare(compare, [...path, 'compare']);
      return isKnown && way !== null
        ? [{ column: name, compare: way, keeps: direction === 'asc' ? ('GREATER' as const) : ('LESSER' as const) }]
        : [];
    });
  }

  #compare(name: string, path: readonly PropertyKey[]): OrderTerm['compare'] | null {
    if (name === 'strings') return 'STRINGS';
    if (name === 'numbers') return 'NUMBERS';
    if (name === 'dates') return 'DATES';
    const values = this.#spec.orders?.[name];
    if (values === undefined) {
      this.#fault(
        'UNKNOWN_ORDER',
        path,
        `There is no ordered list ${name}; give its values, the least first, in orders.${knownNames(['strings', 'numbers', 'dates', ...Object.keys(this.#spec.orders ?? {})])}`,
      );
      return null;
    }
    const twice = values.find((value, index) => values.indexOf(value) < index);
    if (twice !== undefined)
      this.#fault('ORDER_INVALID', ['orders', name], 'A value is in the list twice; which of its places counts?');
    return { values };
  }

  combine(): readonly CombinedColumn[] {
    return (this.#spec.merge.combine ?? []).flatMap(({ name, with: how }, index) => {
      const path = ['merge', 'combine', index, 'name'];
      if (!this.#column(name, path)) return [];
      const type = this.#columns.get(name)?.type ?? 'JSON';
      const isNumber = type === 'INTEGER' || type === 'BIGINT' || (type === 'DOUBLE' && how !== 'sum');
      if (!isNumber)
        this.#fault(
          'TYPE_CONFLICT',
          path,
          `${name} is a ${type}; ${how} needs whole numbers${how === 'sum' ? ', since sums of fractions depend on the order of the rows' : ' or a double'}.`,
        );
      if (this.#spec.key.includes(name))
        this.#fault('DUPLICATE_FIELD', path, `${name} is of the key, which does not change.`);
      return [{ column: name, with: how }];
    });
  }

  partition(): MergePlan['partition'] {
    const by = this.#spec.resource.indexing?.[0];
    if (by === undefined) return null;
    const path = ['resource', 'indexing', 0, 'date'];
    if (!this.#column(by.date, path)) return null;
    if (this.#columns.get(by.date)?.type !== 'VARCHAR')
      this.#fault('TYPE_CONFLICT', path, `${by.date} is no text; partitions go by dates in text (ISO 8601).`);
    return { column: by.date, grain: by.type };
  }

  #column(name: string, path: readonly PropertyKey[]): boolean {
    if (this.#columns.has(name)) return true;
    const message = `The schema of the table has no field ${name}.${knownNames(this.#columns.keys())}`;
    this.#fault('UNKNOWN_FIELD', path, message);
    return false;
  }

  #fault(code: SpecIssueCode, path: readonly PropertyKey[], message: string): void {
    this.issues.push({ path: placeOf(path), code, message });
  }
}
