import { Arg, Args, Ctx, FieldResolver, Query, Resolver, Root } from 'type-graphql';
import type { PlaceName } from '../domain/lineage/event-value.ts';
import type { DatasetField } from '../domain/lineage/graph.ts';
import type { Word } from '../domain/lineage/vocabulary.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import type { Entity } from '../entities/entity.entity.ts';
import type { EntityField } from '../entities/entity-version.entity.ts';
import { DatasetFieldType } from '../schema/column-lineage.type.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { DatasetType } from '../schema/dataset.type.ts';
import { EntityFieldType, EntityType } from '../schema/entity.type.ts';
import { LineageJobType } from '../schema/lineage.type.ts';
import { Instant } from '../schema/scalars.ts';
import {
  SearchFacetsType,
  SearchFilter,
  SearchHitConnection,
  SearchHitType,
  SearchTruncatedReasonEnum,
} from '../schema/search.type.ts';
import { DomainType, GlossaryTermType } from '../schema/vocabulary.type.ts';
import type { CatalogSearchReadModel, SearchHit, SearchPage } from '../services/registry/catalog-search.read-model.ts';
import type { RequestContext } from './context.ts';

const searchDescription = `Entities, datasets, the fields of both, jobs, terms of the glossary and domains by their names, labels and texts, best first: exact names,
then what has all words, then similar names, where fewer than 10 have the words. \`MessageBody\`, \`message_body\` and \`message body\` are the same
words. It knows what a mutation wrote as soon as that has answered. Example:
\`{ search(query: "phone", filter: {classification: "PII"}) { nodes { kind entity { fullName } field { path } } facets { namespace { value count } } } }\``;

const queryDescription = `What to search for, at most 256 characters and 16 words. Blank (the default): everything that the filter lets
through. Without a letter or digit: nothing is found.`;

/** A page with what is known of the whole match. */
class SearchAnswer extends SearchHitConnection {
  readonly found: SearchPage;

  constructor(page: SearchPage) {
    super(page);
    this.found = page;
  }
}

@Resolver(() => SearchHitConnection)
export class SearchResolver {
  readonly #search: CatalogSearchReadModel;

  constructor(deps: { readonly catalogSearch: CatalogSearchReadModel }) {
    this.#search = deps.catalogSearch;
  }

  @Query(() => SearchHitConnection, { description: searchDescription })
  async search(
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Arg('query', () => String, { defaultValue: '', description: queryDescription }) query: string,
    @Arg('filter', () => SearchFilter, { nullable: true, description: 'What must hold.' }) filter?: SearchFilter,
  ): Promise<SearchAnswer> {
    return new SearchAnswer(await this.#search.search(page, query, filter ?? {}));
  }

  @FieldResolver(() => SearchFacetsType, { description: 'Values over everything found, to narrow the search by.' })
  async facets(@Root() answer: SearchAnswer) {
    return (await answer.found.summary()).facets;
  }

  @FieldResolver(() => Instant, { description: 'What was written before this moment is in the answer.' })
  asOf(@Root() answer: SearchAnswer): Date {
    return answer.found.asOf;
  }

  @FieldResolver(() => Boolean, { description: 'False when more match than the search looks at.' })
  async complete(@Root() answer: SearchAnswer): Promise<boolean> {
    return (await answer.found.summary()).complete;
  }

  @FieldResolver(() => SearchTruncatedReasonEnum, {
    nullable: true,
    description: 'Why it is not complete; null when it is.',
  })
  async truncatedReason(@Root() answer: SearchAnswer): Promise<'MATCH_LIMIT' | null> {
    return (await answer.found.summary()).complete ? null : 'MATCH_LIMIT';
  }
}

@Resolver(() => SearchHitType)
export class SearchHitFields {
  @FieldResolver(() => EntityType, {
    nullable: true,
    description: 'The entity that was found, or that the field is of; null for others.',
  })
  entity(@Root() hit: SearchHit, @Ctx() { loaders }: RequestContext): Promise<Entity | null> | null {
    return hit.entityId === null ? null : loaders.entity.load(hit.entityId);
  }

  @FieldResolver(() => EntityFieldType, {
    nullable: true,
    description: 'The field of an entity that was found; null for others.',
  })
  field(@Root() hit: SearchHit, @Ctx() { loaders }: RequestContext): Promise<EntityField | null> | null {
    return hit.kind === 'FIELD' ? loaders.field.load(hit.id) : null;
  }

  @FieldResolver(() => DatasetType, {
    nullable: true,
    description: 'The dataset that was found, or that the field is of; null for others.',
  })
  dataset(@Root() hit: SearchHit, @Ctx() { loaders }: RequestContext): Promise<Dataset | null> | null {
    return hit.datasetId === null ? null : loaders.dataset.load(hit.datasetId);
  }

  @FieldResolver(() => DatasetFieldType, {
    nullable: true,
    description: 'The field of a dataset that was found; null for others.',
  })
  datasetField(@Root() hit: SearchHit, @Ctx() { loaders }: RequestContext): Promise<DatasetField | null> | null {
    return hit.kind === 'DATASET_FIELD' ? loaders.datasetField.load(hit.id) : null;
  }

  @FieldResolver(() => LineageJobType, { nullable: true, description: 'The job that was found; null for others.' })
  job(@Root() hit: SearchHit, @Ctx() { loaders }: RequestContext): Promise<PlaceName | null> | null {
    return hit.kind === 'JOB' ? loaders.lineageJob.load(hit.id) : null;
  }

  @FieldResolver(() => GlossaryTermType, { nullable: true, description: 'The term that was found; null for others.' })
  glossaryTerm(@Root() hit: SearchHit, @Ctx() { loaders }: RequestContext): Promise<Word | null> | null {
    return hit.kind === 'TERM' ? loaders.word.load(hit.id) : null;
  }

  @FieldResolver(() => DomainType, { nullable: true, description: 'The domain that was found; null for others.' })
  domain(@Root() hit: SearchHit, @Ctx() { loaders }: RequestContext): Promise<Word | null> | null {
    return hit.kind === 'DOMAIN' ? loaders.word.load(hit.id) : null;
  }
}
