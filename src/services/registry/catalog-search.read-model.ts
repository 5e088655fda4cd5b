import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { Page, PageRequest } from '../../domain/page.ts';
import type { SchemaFormat } from '../../domain/registry/schema-format.ts';
import {
  readSearchQuery,
  type SearchKind,
  type SearchMatch,
  type SearchTerm,
  searchKinds,
} from '../../domain/registry/search-query.ts';
import { keysetPage, type SqlFragment } from '../keyset-page.ts';
import { textArray } from '../sql.ts';
import type { SearchEntries } from './search-entries.ts';

/** Something that was found. */
export interface SearchHit {
  /** Of what was found. */
  readonly id: string;
  readonly kind: SearchKind;
  /** Of an entity and of a field of one. */
  readonly entityId: string | null;
  /** Of a dataset and of a field of one. */
  readonly datasetId: string | null;
  readonly score: number;
  readonly match: SearchMatch;
}

/** What must hold for everything found. */
export interface SearchFilter {
  readonly kinds?: readonly SearchKind[] | undefined;
  readonly namespace?: string | undefined;
  readonly tag?: string | undefined;
  readonly classification?: string | undefined;
  readonly semanticType?: string | undefined;
  readonly format?: SchemaFormat | undefined;
}

const searchFacets = ['kind', 'namespace', 'tag', 'classification', 'semanticType', 'format'] as const;
type SearchFacet = (typeof searchFacets)[number];
export interface FacetValue {
  readonly value: string;
  readonly count: number;
}

/** The whole match, of which a page shows a part. */
export interface SearchSummary {
  /** At most 10,000. */
  readonly total: number;
  /** False when more than 10,000 match and only these were looked at. */
  readonly complete: boolean;
  readonly facets: Readonly<Record<SearchFacet, readonly FacetValue[]>>;
}

export interface SearchPage extends Page<SearchHit> {
  readonly asOf: Date;
  /** Asked only when a client selects something of it; one statement. */
  summary(): Promise<SearchSummary>;
}

/** Most entries that a search looks at. */
const matchMax = 10_000;
/** Names that are merely similar are looked for when fewer entries than this have the words, and none has the very name. */
const wordsEnough = 10;
/** Shorter queries resemble too much. */
const similarCharsMin = 3;
const similarMax = 1_000;
const facetValuesMax = 20;

// Exact names stand above all words, and these above similar names. `ts_rank` is below 1.
const exactScore = 1_000_000;
const wordsScore = 100_000;
const similarScore = 50_000;
const rankFactor = 800_000;

const hitRow = z
  .object({
    id: z.string(),
    kind: z.enum(searchKinds),
    entity_id: z.string().nullable(),
    dataset_id: z.string().nullable(),
    score: z.number(),
  })
  .transform(
    ({ id, kind, entity_id, dataset_id, score }): SearchHit => ({
      ...{ id, kind, entityId: entity_id, datasetId: dataset_id },
      ...{ score, match: matchOf(score) },
    }),
  );
const facetRow = z.object({ facet: z.enum([...searchFacets, 'total']), value: z.string(), count: z.number() });

/** Finds entities, datasets, the fields of both, jobs, terms and domains by their names, labels and texts. */
export class CatalogSearchReadModel {
  readonly #em: EntityManager;
  readonly #entries: SearchEntries;

  constructor(deps: { readonly em: EntityManager; readonly searchEntries: SearchEntries }) {
    this.#em = deps.em;
    this.#entries = deps.searchEntries;
  }

  /**
   * What has all words of `query` in its names, labels or texts, best first; everything that the filter lets through, when
   * `query` is blank; nothing, when it has neither a letter nor a digit.
   * @throws LinewardError LIMIT_EXCEEDED for a query of more than 256 characters or 16 words.
   */
  async search(request: PageRequest, query: string, filter: SearchFilter): Promise<SearchPage> {
    const asOf = new Date();
    const match = matchFragment(query, filter, shown);
    await this.#entries.refresh();
    const page = await keysetPage(this.#em.fork(), {
      table: match,
      order: [
        { column: 'score', type: 'integer', descending: true },
        { column: 'id', type: 'text' },
      ],
      request,
      parse: (row) => hitRow.parse(row),
    });
    let asked: Promise<SearchSummary> | undefined;
    const summary = (): Promise<SearchSummary> => {
      asked ??= this.#summary(matchFragment(query, filter, counted));
      return asked;
    };
    return { ...page, asOf, summary, totalCount: async () => (await summary()).total };
  }

  async #summary(match: SqlFragment): Promise<SearchSummary> {
    const rows = await this.#em.fork().execute(
      `with matched as materialized (
         select * from ${match.sql}
       ), counted as (
         select 'kind' as facet, kind as value, count(*)::integer as count from matched group by 2
         union all select 'namespace', namespace, count(*) from matched where namespace <> '' group by 2
         union all select 'tag', item, count(*) from matched, unnest(tags) item group by 2
         union all select 'classification', item, count(*) from matched, unnest(classifications) item group by 2
         union all select 'semanticType', item, count(*) from matched, unnest(semantic_types) item group by 2
         union all select 'format', format, count(*) from matched where format is not null group by 2
         union all select 'total', '', count(*) from matched
       ), ranked as (
         select counted.*, row_number() over (partition by facet order by count desc, value) as position from counted
       )
       select facet, value, count::integer from ranked where position <= ? order by facet, position`,
      [...match.params, facetValuesMax],
    );
    const counts = rows.map((row) => facetRow.parse(row));
    const of = (facet: string): readonly FacetValue[] =>
      counts.filter((row) => row.facet === facet).map(({ value, count }) => ({ value, count }));
    const found = of('total')[0]?.count ?? 0;
    return {
      total: Math.min(found, matchMax),
      complete: found <= matchMax,
      facets: {
        kind: of('kind'),
        namespace: of('namespace'),
        tag: of('tag'),
        classification: of('classification'),
        semanticType: of('semanticType'),
        format: of('format'),
      },
    };
  }
}

function matchOf(score: number): SearchMatch {
  if (score >= exactScore) return 'EXACT_NAME';
  if (score >= wordsScore) return 'WORDS';
  return score > 0 ? 'SIMILAR_NAME' : 'FILTER';
}

/** What a page shows of an entry, or what facets count: each in one look at the entries, since those found can be many. */
const shown = { columns: ['kind', 'entity_id', 'dataset_id'], ranked: true };
const counted = {
  columns: ['kind', 'namespace', 'tags', 'classifications', 'semantic_types', 'format'],
  ranked: false,
};

/** The match as a subquery of `id`, the columns of `look` and `score` (0 where it is not ranked), in no order. */
function matchFragment(query: string, filter: SearchFilter, look: typeof shown): SqlFragment {
  const terms = readSearchQuery(query);
  const where = filterFragment(filter);
  if (terms.length > 0) return wordsFragment(query, terms, where, look);
  const everything = query.trim() === '' ? where : { sql: 'false', params: [] };
  const columns = ['id', ...look.columns].join(', ');
  return {
    sql: `(select ${columns}, 0 as score from search_entry where ${everything.sql} order by id limit ${matchMax + 1}) matching`,
    params: everything.params,
  };
}

/**
 * Those of the very name, those that have the words, and similar names where these are few. Where too many have the words, those
 * that have them in their names are looked for first, and the others are left out when these are too many by themselves.
 */
function wordsFragment(
  query: string,
  terms: readonly SearchTerm[],
  where: SqlFragment,
  look: typeof shown,
): SqlFragment {
  const [names, words] = [namesQuery(terms), wordsQuery(terms)];
  const kindScore = `case kind when 'ENTITY' then 3 when 'DATASET' then 2 else 1 end`;
  const rank = `${wordsScore} + (least(ts_rank('{0.05, 0.2, 0.4, 1.0}', document, ${words.sql}), 1) * ${rankFactor})::integer`;
  const ranking = look.ranked ? { sql: rank, params: words.params } : { sql: '0', params: [] };
  const text = terms.map((term) => term.text).join(' ');
  const columns = ['id', ...look.columns].map((column) => `search_entry.${column}`).join(', ');
  const select = (score: string): string => `select ${columns}, ${score} + ${kindScore} as score from search_entry`;
  const some = `and ${where.sql} order by search_entry.id limit ${matchMax + 1}`;
  return {
    sql: `(
      with exact as materialized (
        ${select(`${exactScore}`)} where keys @> array[nullif(search_key(?), '')] ${some}
      ), worded as materialized (
        ${select(ranking.sql)} where document @@ (${words.sql}) ${some}
      ), named as materialized (
        ${select(ranking.sql)} where (select count(*) from worded) > ${matchMax} and document @@ (${names.sql}) ${some}
      ), having_words as (
        table named union all
        select * from worded where (select count(*) from named) <= ${matchMax} and id not in (select id from named)
      ), resembling as (
        ${select(`(similarity * ${similarScore})::integer`)}
        join search_similar(?, ${similarMax}) similar_name on search_entry.id = similar_name.id
        where ${text.length < similarCharsMin ? 'false' : 'not exists (table exact)'}
          and (select count(*) from (table having_words limit ${wordsEnough}) found) < ${wordsEnough}
          and search_entry.id not in (select id from having_words) and ${where.sql}
      )
      table exact union all select * from having_words where id not in (select id from exact) union all table resembling
    ) matching`,
    params: [
      ...[query, ...where.params],
      ...[...ranking.params, ...words.params, ...where.params],
      ...[...ranking.params, ...names.params, ...where.params],
      ...[text, ...where.params],
    ],
  };
}

/** Each term by its words, or by their English stems where these are not too common to be kept. */
function wordsQuery(terms: readonly SearchTerm[]): SqlFragment {
  return {
    sql: terms.map(() => `(to_tsquery('simple', ?) || plainto_tsquery('english', ?))`).join(' && '),
    params: terms.flatMap((term) => [term.words, term.text]),
  };
}

/** Each term in names. */
function namesQuery(terms: readonly SearchTerm[]): SqlFragment {
  return { sql: terms.map(() => `to_tsquery('simple', ?)`).join(' && '), params: terms.map((term) => term.names) };
}

function filterFragment(filter: SearchFilter): SqlFragment {
  const { kinds, namespace, tag, classification, semanticType, format } = filter;
  const conditions: readonly (readonly [string, string | undefined])[] = [
    ['kind = any(?::text[])', kinds === undefined ? undefined : textArray(kinds)],
    ['namespace = ?', namespace],
    ['tags @> ?::text[]', tag === undefined ? undefined : textArray([tag])],
    ['classifications @> ?::text[]', classification === undefined ? undefined : textArray([classification])],
    ['semantic_types @> ?::text[]', semanticType === undefined ? undefined : textArray([semanticType])],
    ['format = ?', format],
  ];
  const given = conditions.filter(([, value]) => value !== undefined);
  return {
    sql: given.length === 0 ? 'true' : given.map(([sql]) => sql).join(' and '),
    params: given.map(([, value]) => value),
  };
}
