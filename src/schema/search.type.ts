import { Field, InputType, Int, ObjectType } from 'type-graphql';
import type { SchemaFormat } from '../domain/registry/schema-format.ts';
import type { SearchKind, SearchMatch } from '../domain/registry/search-query.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { SchemaFormatEnum } from './entity.type.ts';

const SearchKindEnum = describedEnum<SearchKind>('SearchKind', 'What kind of thing was found.', {
  ENTITY: 'An entity, by its name, aliases, documentation, owners, tags and the labels of its fields.',
  FIELD: 'A field of the latest version of an entity, by its path, documentation and labels.',
  DATASET: 'A dataset, by its name, what is said of it, what it holds and the labels of its fields.',
  DATASET_FIELD:
    'A field of a dataset, as lineage events, imports and people speak of it, by its path and what is said of it.',
  JOB: 'A job of lineage, by its name and namespace.',
  TERM: 'A term of the glossary, by its name and description.',
  DOMAIN: 'A domain, by its name, description and owners.',
});

const SearchMatchEnum = describedEnum<SearchMatch>('SearchMatch', 'Why something was found.', {
  EXACT_NAME: 'The query is its name, an alias, its path or the last part of these, whatever the case and separators.',
  WORDS: 'It has all words of the query, or words that begin so.',
  SIMILAR_NAME: 'Its name resembles the query.',
  FILTER: 'The query was blank and the filter lets it through.',
});

export const SearchTruncatedReasonEnum = describedEnum<'MATCH_LIMIT'>(
  'SearchTruncatedReason',
  'Why a search did not look at everything.',
  { MATCH_LIMIT: 'More than 10,000 match. Narrow the query or the filter.' },
);

@InputType({ description: 'What must hold for everything found; all given conditions hold.' })
export class SearchFilter {
  @Field(() => [SearchKindEnum], { nullable: true, description: 'Kinds of things. Default all.' })
  kinds?: SearchKind[];

  @Field(() => String, {
    nullable: true,
    description: 'Namespace of the record, dataset or job, e.g. `Demo`. Terms and domains have none.',
  })
  namespace?: string;

  @Field(() => String, {
    nullable: true,
    description: 'A tag: of the field; of the entity or dataset or its fields; of an entity that the dataset holds.',
  })
  tag?: string;

  @Field(() => String, { nullable: true, description: 'A classification of the field or of one within, e.g. `PII`.' })
  classification?: string;

  @Field(() => String, { nullable: true, description: 'A semantic type of the field or of one within, e.g. `email`.' })
  semanticType?: string;

  @Field(() => SchemaFormatEnum, {
    nullable: true,
    description: 'Language of the latest schema. Only entities and their fields have one.',
  })
  format?: SchemaFormat;
}

@ObjectType('SearchHit', { description: 'Something that was found.' })
export class SearchHitType {
  readonly id!: string;
  readonly entityId!: string | null;
  readonly datasetId!: string | null;

  @Field(() => SearchKindEnum, { description: 'What kind of thing it is.' })
  kind!: SearchKind;

  @Field(() => SearchMatchEnum, { description: 'Why it was found.' })
  match!: SearchMatch;

  @Field(() => Int, { description: 'How well it fits, for comparison within one answer; more is better.' })
  score!: number;
}

@ObjectType('SearchFacetValue', { description: 'A value with how many of all things found have it.' })
class SearchFacetValueType {
  @Field(() => String, { description: 'The value, e.g. `PII`, for the filter of the same name.' })
  value!: string;

  @Field(() => Int, { description: 'Things found that have it.' })
  count!: number;
}

@ObjectType('SearchFacets', {
  description: 'The most frequent values over everything found, not only this page; at most 20 each.',
})
export class SearchFacetsType {
  @Field(() => [SearchFacetValueType], { description: 'By kind.' })
  kind!: readonly SearchFacetValueType[];

  @Field(() => [SearchFacetValueType], { description: 'By namespace.' })
  namespace!: readonly SearchFacetValueType[];

  @Field(() => [SearchFacetValueType], { description: 'By tag.' })
  tag!: readonly SearchFacetValueType[];

  @Field(() => [SearchFacetValueType], { description: 'By classification.' })
  classification!: readonly SearchFacetValueType[];

  @Field(() => [SearchFacetValueType], { description: 'By semantic type.' })
  semanticType!: readonly SearchFacetValueType[];

  @Field(() => [SearchFacetValueType], { description: 'By language of the schema.' })
  format!: readonly SearchFacetValueType[];
}

export const SearchHitConnection = connectionOf('SearchHit', () => SearchHitType, 'What was found, best first.');
