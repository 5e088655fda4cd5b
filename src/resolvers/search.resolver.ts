import { Arg, Args, Ctx, FieldResolver, Query, Resolver, Root } from 'type-graphql';
import type { Dataset } from '../entities/dataset.entity.ts';
import type { Entity } from '../entities/entity.entity.ts';
import type { EntityField } from '../entities/entity-version.entity.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { DatasetType } from '../schema/dataset.type.ts';
import { EntityFieldType, EntityType } from '../schema/entity.type.ts';
import { Instant } from '../schema/scalars.ts';
import {
  SearchFacetsType,
  SearchFilter,
  SearchHitConnection,
  SearchHitType,
  SearchTruncatedReasonEnum,
} from '../schema/search.type.ts';
import type { CatalogSearchReadModel, SearchHit, SearchPage } from '../services/registry/catalog-search.read-model.ts';
import type { RequestContext } from './context.ts';

const searchDescription = `Entities, fields of latest versions and datasets by their names, labels and texts, best first: exact names,
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
    description: 'The entity that was found, or that the field is of; null for a dataset.',
  })
  entity(@Root() hit: SearchHit, @Ctx() { loaders }: RequestContext): Promise<Entity | null> | null {
    return hit.entityId === null ? null : loaders.entity.load(hit.entityId);
  }

  @FieldResolver(() => EntityFieldType, { nullable: true, description: 'The field that was found; null for others.' })
  field(@Root() hit: SearchHit, @Ctx() { loaders }: RequestContext): Promise<EntityField | null> | null {
    return hit.kind === 'FIELD' ? loaders.field.load(hit.id) : null;
  }

  @FieldResolver(() => DatasetType, { nullable: true, description: 'The dataset that was found; null for others.' })
  dataset(@Root() hit: SearchHit, @Ctx() { loaders }: RequestContext): Promise<Dataset | null> | null {
    return hit.kind === 'DATASET' ? loaders.dataset.load(hit.id) : null;
  }
}
