import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';
import { type DescriptionPart, descriptionParts, type Saying } from './description.ts';
import { canKeep, type PlaceName, readNames } from './event-value.ts';
import { pairsMax } from './open-lineage.ts';

const kept = (charsMax: number) => z.string().max(charsMax).refine(canKeep.text, 'holds what cannot be kept');
const place = z.strictObject({ namespace: z.string(), name: z.string() });
const words = z.array(kept(200).min(1)).max(100);
const documentation = kept(100_000).nullish();
const field = z.strictObject({
  name: z.string().min(1).refine(canKeep.field, 'is too long, or holds what cannot be kept'),
  type: kept(1_000).nullish(),
  documentation,
  tags: words.nullish(),
  terms: words.nullish(),
});
const datasetLine = z.strictObject({
  dataset: place,
  fields: z.array(field).max(10_000).nullish(),
  documentation,
  owners: words.nullish(),
  tags: words.nullish(),
  properties: z.record(kept(200).min(1), kept(2_000)).nullish(),
  terms: words.nullish(),
  domain: kept(200).nullish(),
});
const jobLine = z.strictObject({
  job: place,
  inputs: z.array(place).max(1_000),
  outputs: z.array(place).max(1_000),
});

export interface CatalogField {
  readonly path: string;
  /** Null where the source does not tell. */
  readonly type: string | null;
}

/** What a source of an import tells about one dataset. */
export interface CatalogDataset {
  readonly kind: 'DATASET';
  readonly place: PlaceName;
  /** Null where it does not tell. */
  readonly fields: readonly CatalogField[] | null;
  /** Parts that it tells of; a value null says that there is nothing. */
  readonly sayings: readonly Saying[];
}

/** What reads and writes what. */
export interface CatalogJob {
  readonly kind: 'JOB';
  readonly place: PlaceName;
  readonly inputs: readonly PlaceName[];
  readonly outputs: readonly PlaceName[];
}

export type CatalogLine = CatalogDataset | CatalogJob;

/** The line as it is sent: `dataset` or `job`, see docs/catalog.md. */
export type CatalogLineInput = z.input<typeof datasetLine> | z.input<typeof jobLine>;

/** Reads a line of an import. @throws LinewardError BAD_INPUT, EVENT_INVALID with the place. */
export function readCatalogLine(value: unknown): CatalogLine {
  const isJob = typeof value === 'object' && value !== null && 'job' in value;
  if (isJob) {
    const { job, inputs, outputs } = checked(jobLine, value);
    if (inputs.length * outputs.length > pairsMax)
      throw new LinewardError('BAD_INPUT', `outputs: inputs times outputs are at most ${pairsMax}`, {
        path: ['outputs'],
      });
    return {
      kind: 'JOB',
      place: readNames(job, ['job']),
      inputs: inputs.map((input, index) => readNames(input, ['inputs', index])),
      outputs: outputs.map((output, index) => readNames(output, ['outputs', index])),
    };
  }
  const { dataset, fields, ...said } = checked(datasetLine, value);
  const names = (fields ?? []).map(({ name }) => name);
  const twice = names.findIndex((name, index) => names.indexOf(name) !== index);
  if (twice >= 0)
    throw new LinewardError('BAD_INPUT', `fields.${twice}.name: is there twice`, {
      path: ['fields', String(twice), 'name'],
    });
  return {
    kind: 'DATASET',
    place: readNames(dataset, ['dataset']),
    fields: fields?.map(({ name, type }) => ({ path: name, type: type ?? null })) ?? null,
    sayings: [...sayingsOf('', said), ...(fields ?? []).flatMap(({ name, type: _, ...more }) => sayingsOf(name, more))],
  };
}

type Said = Partial<Pick<z.output<typeof datasetLine>, DescriptionPart>>;

function sayingsOf(path: string, said: Said): readonly Saying[] {
  return descriptionParts.flatMap((part): Saying[] => {
    const value = said[part];
    if (value === undefined) return [];
    const isNothing = value === null || Object.keys(value).length === 0;
    return [{ path, part, value: isNothing ? null : value }];
  });
}

function checked<Output>(schema: z.ZodType<Output>, value: unknown): Output {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = (issue?.path ?? []).map(String);
  const place = path.length === 0 ? '' : `${path.join('.')}: `;
  throw new LinewardError('BAD_INPUT', `${place}${issue?.message ?? 'does not fit'}`, { path });
}
