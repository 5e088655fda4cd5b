import type { SourceFacts } from './spec-facts.ts';
import { type FormedField, formOfColumn } from './transform-plan.ts';
import type { TransformerSpec, TransformOf } from './transformer-spec.ts';

/** A lookup and where it stands in a document. */
export interface PlacedLookup {
  readonly source: number;
  readonly step: number;
  readonly lookup: TransformOf<'lookup'>;
}

/** All lookups of a document; their places in this list are the numbers by which they are known. */
export const lookupsIn = ({ sources }: Pick<TransformerSpec, 'sources'>): readonly PlacedLookup[] =>
  sources.flatMap(({ transforms = [] }, source) =>
    transforms.flatMap((lookup, step) => (lookup.type === 'lookup' ? [{ source, step, lookup }] : [])),
  );

/** From the records of a lookup to one row for each key. */
export interface LookupPlan {
  /** The source whose rows look things up, and the place among its transforms. */
  readonly source: number;
  readonly step: number;
  /** All fields that are asked for. */
  readonly fields: readonly FormedField[];
  /** Fields that rows are found by. */
  readonly keys: readonly string[];
  /** Fields whose values are taken. */
  readonly values: readonly string[];
}

/** For a lookup whose fields are all there. */
export function lookupPlan({ source, step, lookup }: PlacedLookup, { fields }: SourceFacts): LookupPlan {
  const [keys, values] = [Object.values(lookup.on), Object.values(lookup.fields)];
  const asked = new Set([...keys, ...values]);
  const formed = fields.filter(({ name }) => asked.has(name));
  return {
    source,
    step,
    fields: formed.map(({ name, column }) => ({ name, form: formOfColumn(column) })),
    keys,
    values,
  };
}
