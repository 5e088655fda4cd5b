import type { EntityManager } from '@mikro-orm/postgresql';
import { readWhole } from '../access/reader.ts';
import { nativeStatements, numberArray, type Statements, textArray } from '../sql.ts';
import { carriedFromAll } from './carried-fields.ts';
import type { LineageGraphs } from './lineage-graphs.ts';

// A label counts in whichever version of an entity has it: old records have old versions.
const saidOfPlaces = `
  select m.dataset_id as id, l.name from mapping m join entity_version v on v.entity_id = m.entity_id
    join entity_field e on e.version_id = v.id, unnest(e.classifications) l(name) where m.dataset_id = any(?::text[])`;
const saidOfFields = `
  select f.number, l.name from dataset_field f join dataset_field_label d on d.field_id = f.id, unnest(d.classifications) l(name)
  where f.number = any(?::int[])
  union
  select f.number, l.name from dataset_field f join mapping m on m.dataset_id = f.dataset_id
    join entity_version v on v.entity_id = m.entity_id
    join entity_field e on e.version_id = v.id and e.path = f.path, unnest(e.classifications) l(name)
  where f.number = any(?::int[])`;

/** What of labels is in whole places: what is said of them, and what their fields carry along lineage. */
export class PlaceLabels {
  readonly #em: EntityManager;
  readonly #graphs: LineageGraphs;

  constructor(deps: { readonly em: EntityManager; readonly graphs: LineageGraphs }) {
    this.#em = deps.em;
    this.#graphs = deps.graphs;
  }

  /**
   * Classifications by dataset, whoever asks; those of places without any are absent. Takes a connection of its own: whoever holds
   * one for a lock must be one of few.
   */
  labelsIn(datasetIds: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    return readWhole(async () => {
      const sql = await nativeStatements(this.#em);
      const ids = [...new Set(datasetIds)];
      const labels = new Map<string, Set<string>>();
      const add = (id: string, name: string) => labels.set(id, (labels.get(id) ?? new Set()).add(name));
      for (const { id, name } of await sql.execute<Said<'id', string>[]>(saidOfPlaces, [textArray(ids)])) add(id, name);
      const places = [...(await fieldsOf(sql, ids))];
      const carried = await carriedFromAll(
        sql,
        await this.#graphs.columns(),
        places.map(([, fields]) => fields),
      );
      const numbers = numberArray(new Set(carried.flatMap((fields) => [...fields])));
      const said = Map.groupBy(
        await sql.execute<Said<'number', number>[]>(saidOfFields, [numbers, numbers]),
        ({ number }) => number,
      );
      for (const [index, [id]] of places.entries())
        for (const field of carried[index] ?? []) for (const { name } of said.get(field) ?? []) add(id, name);
      return new Map([...labels].map(([id, names]) => [id, [...names].sort()]));
    });
  }
}

type Said<Key extends string, Value> = Readonly<Record<Key, Value>> & { readonly name: string };

async function fieldsOf(sql: Statements, ids: readonly string[]): Promise<ReadonlyMap<string, readonly number[]>> {
  const rows = await sql.execute<{ id: string; number: number }[]>(
    'select dataset_id as id, number from dataset_field where dataset_id = any(?::text[])',
    [textArray(ids)],
  );
  const byId = Map.groupBy(rows, ({ id }) => id);
  return new Map([...byId].map(([id, fields]) => [id, fields.map(({ number }) => number)]));
}
