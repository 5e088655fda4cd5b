import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import {
  type DescribedPlace,
  type Description,
  type DescriptionChange,
  descriptionParts,
  noDescription,
} from '../../domain/lineage/description.ts';
import type { Page, PageRequest } from '../../domain/page.ts';
import { keysetPages } from '../keyset-page.ts';
import { textArray } from '../sql.ts';

const readPart = {
  documentation: z.string(),
  owners: z.array(z.string()),
  tags: z.array(z.string()),
  properties: z.record(z.string(), z.string()),
  terms: z.array(z.string()),
  domain: z.string(),
} as const;
const toldRow = z.object({
  datasetId: z.string(),
  path: z.string(),
  part: z.enum(descriptionParts),
  value: z.unknown(),
});
const changeRow = z
  .object({
    id: z.number(),
    dataset_id: z.string(),
    path: z.string(),
    part: z.enum(descriptionParts),
    said_by: z.string(),
    actor_id: z.string().nullable(),
    before: z.unknown(),
    after: z.unknown(),
    at: z.coerce.date(),
  })
  .transform(
    ({ dataset_id, said_by, actor_id, before, after, ...row }): DescriptionChange => ({
      ...row,
      datasetId: dataset_id,
      saidBy: said_by,
      actorId: actor_id,
      before: textOf(before),
      after: textOf(after),
    }),
  );
const textOf = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));

const keyOf = ({ datasetId, path }: DescribedPlace): string => `${datasetId}\0${path}`;

/** A place, and the moment whose description is asked for; absent: the one in force. */
export interface DescriptionQuestion extends DescribedPlace {
  readonly asOf?: Date;
}

const asked = 'unnest(?::text[], ?::text[]) as asked (dataset_id, path)';
const toldNow = `
  select told.dataset_id as "datasetId", told.path, part, value from dataset_told told
  join ${asked} on asked.dataset_id = told.dataset_id and asked.path = told.path`;
/** As the view `dataset_told` judges, of what each had said by then; in milliseconds, in which the API tells times. */
const toldAsOf = `
  select distinct on (said.dataset_id, said.path, part) said.dataset_id as "datasetId", said.path, part, after as value
  from (
    select distinct on (change.dataset_id, change.path, part, said_by) change.*
    from dataset_description_change change
    join ${asked} on asked.dataset_id = change.dataset_id and asked.path = change.path
    where date_trunc('milliseconds', change.at) <= ?
    order by change.dataset_id, change.path, part, said_by, id desc
  ) said
  where after is not null
  order by said.dataset_id, said.path, part, said_by = 'people' desc, said_at desc, said_by`;

/** What is in force of what people, events and imports say about datasets. */
export class DatasetDescriptionReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** The word of people counts, and where there is none what was said last; as the catalog had it at `asOf`. */
  async descriptionsOf(
    places: readonly DescribedPlace[],
    asOf?: Date,
  ): Promise<(place: DescribedPlace) => Description> {
    const of = [textArray(places.map(({ datasetId }) => datasetId)), textArray(places.map(({ path }) => path))];
    const em = this.#em.fork();
    const rows = asOf === undefined ? await em.execute(toldNow, of) : await em.execute(toldAsOf, [...of, asOf]);
    const found = new Map<string, Description>();
    for (const row of rows) {
      const { part, value, ...place } = toldRow.parse(row);
      const known = found.get(keyOf(place)) ?? noDescription;
      found.set(keyOf(place), { ...known, [part]: readPart[part].parse(value) });
    }
    return (place) => found.get(keyOf(place)) ?? noDescription;
  }

  /** Answers of `descriptionsOf` in the order of the questions: one statement for each moment. */
  async answersTo(questions: readonly DescriptionQuestion[]): Promise<readonly Description[]> {
    const byMoment = Map.groupBy(questions, ({ asOf }) => asOf?.getTime());
    const found = new Map<number | undefined, (place: DescribedPlace) => Description>();
    for (const [moment, places] of byMoment) found.set(moment, await this.descriptionsOf(places, places[0]?.asOf));
    return questions.map((place) => found.get(place.asOf?.getTime())?.(place) ?? noDescription);
  }

  /** Changes of a dataset and its fields, newest first. */
  changesOf(
    datasetIds: readonly string[],
    request: PageRequest,
  ): Promise<(datasetId: string) => Page<DescriptionChange>> {
    return keysetPages(this.#em.fork(), {
      table: 'dataset_description_change',
      parent: { column: 'dataset_id', ids: datasetIds },
      order: [{ column: 'id', type: 'integer', descending: true }],
      request,
      parse: (row) => changeRow.parse(row),
    });
  }
}
