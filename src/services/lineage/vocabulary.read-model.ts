import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { type Word, type WordKind, wordKinds } from '../../domain/lineage/vocabulary.ts';
import type { Page, PageRequest } from '../../domain/page.ts';
import type { Dataset } from '../../entities/dataset.entity.ts';
import { keysetPage, keysetPages } from '../keyset-page.ts';
import { datasetRow } from '../registry/registry-rows.ts';
import { textArray } from '../sql.ts';

export const wordRow = z
  .object({
    id: z.string(),
    kind: z.enum(wordKinds),
    name: z.string(),
    description: z.string(),
    owners: z.array(z.string()),
    parent_id: z.string().nullable(),
    revision: z.number(),
    created_at: z.coerce.date(),
    updated_at: z.coerce.date(),
  })
  .transform(
    ({ parent_id, created_at, updated_at, ...row }): Word => ({
      ...row,
      parentId: parent_id,
      createdAt: created_at,
      updatedAt: updated_at,
    }),
  );

// What is in force is asked of the rows that name the word at all.
const namedDatasets = `(
  select word.id as word_id, dataset.* from vocabulary word
  join lateral (
    select distinct said.dataset_id from dataset_description said
    join dataset_told told using (dataset_id, path, part)
    where said.part = case word.kind when 'TERM' then 'terms' else 'domain' end
      and said.part in ('terms', 'domain') and said.value @> to_jsonb(word.name) and told.value @> to_jsonb(word.name)
  ) named on true
  join dataset on dataset.id = named.dataset_id
) named_dataset`;

/** Terms of the glossary and domains, and what is described by them. */
export class VocabularyReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** All of a kind by name. */
  words(kind: WordKind, request: PageRequest): Promise<Page<Word>> {
    return keysetPage(this.#em.fork(), {
      table: 'vocabulary',
      where: { sql: 'kind = ?', params: [kind] },
      order: [
        { column: 'name', type: 'text' },
        { column: 'id', type: 'text' },
      ],
      request,
      parse: (row) => wordRow.parse(row),
    });
  }

  async wordsById(ids: readonly string[]): Promise<readonly Word[]> {
    const rows = await this.#em.fork().execute('select * from vocabulary where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => wordRow.parse(row));
  }

  /** Those of the names that are defined. */
  async wordsByName(kind: WordKind, names: readonly string[]): Promise<ReadonlyMap<string, Word>> {
    const rows = await this.#em
      .fork()
      .execute('select * from vocabulary where kind = ? and name = any(?::text[])', [kind, textArray(names)]);
    return new Map(rows.map((row) => wordRow.parse(row)).map((word) => [word.name, word]));
  }

  /** Datasets that are described by a word, themselves or a field of them. */
  datasetsOf(wordIds: readonly string[], request: PageRequest): Promise<(wordId: string) => Page<Dataset>> {
    return keysetPages(this.#em.fork(), {
      table: namedDatasets,
      parent: { column: 'word_id', ids: wordIds },
      order: [
        { column: 'name', type: 'text' },
        { column: 'id', type: 'text' },
      ],
      request,
      parse: (row) => datasetRow.parse(row),
    });
  }
}
