import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { localId } from '../domain/global-id.ts';
import type { Word } from '../domain/lineage/vocabulary.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { DatasetConnection } from '../schema/dataset.type.ts';
import {
  DefineDomainInput,
  DefineGlossaryTermInput,
  DomainConnection,
  DomainPayload,
  DomainType,
  GlossaryTermConnection,
  GlossaryTermPayload,
  GlossaryTermType,
  RemoveDomainInput,
  RemoveGlossaryTermInput,
} from '../schema/vocabulary.type.ts';
import type { VocabularyReadModel } from '../services/lineage/vocabulary.read-model.ts';
import type { VocabularyService } from '../services/lineage/vocabulary.service.ts';
import { Acting } from './acting.ts';
import type { RequestContext } from './context.ts';
import { mutationPayload } from './mutation-payload.ts';

@Resolver()
export class VocabularyResolver {
  readonly #service: VocabularyService;
  readonly #words: VocabularyReadModel;

  constructor(deps: { readonly vocabularyService: VocabularyService; readonly vocabulary: VocabularyReadModel }) {
    this.#service = deps.vocabularyService;
    this.#words = deps.vocabulary;
  }

  @Query(() => GlossaryTermConnection, { description: 'The glossary, by name.' })
  async glossaryTerms(@Args(() => ConnectionArgs) page: ConnectionArgs) {
    return new GlossaryTermConnection((await this.#words.words('TERM', page)) as never);
  }

  @Query(() => DomainConnection, { description: 'Domains, by name.' })
  async domains(@Args(() => ConnectionArgs) page: ConnectionArgs) {
    return new DomainConnection((await this.#words.words('DOMAIN', page)) as never);
  }

  @Mutation(() => GlossaryTermPayload, { description: 'Defines a term of the glossary, or defines it anew.' })
  defineGlossaryTerm(
    @Acting() actor: Actor,
    @Arg('input', () => DefineGlossaryTermInput, { description: 'The term.' }) input: DefineGlossaryTermInput,
  ) {
    return mutationPayload(input, async () => ({ glossaryTerm: await this.#service.define(actor, 'TERM', input) }));
  }

  @Mutation(() => DomainPayload, { description: 'Defines a domain, or defines it anew.' })
  defineDomain(
    @Acting() actor: Actor,
    @Arg('input', () => DefineDomainInput, { description: 'The domain.' }) input: DefineDomainInput,
  ) {
    return mutationPayload(input, async () => ({ domain: await this.#service.define(actor, 'DOMAIN', input) }));
  }

  @Mutation(() => GlossaryTermPayload, { description: 'Takes a term away that nothing names any more.' })
  removeGlossaryTerm(
    @Acting() actor: Actor,
    @Arg('input', () => RemoveGlossaryTermInput, { description: 'Which.' }) input: RemoveGlossaryTermInput,
  ) {
    return mutationPayload(input, async () => {
      const id = localId('GlossaryTerm', input.glossaryTermId, ['glossaryTermId']);
      return { glossaryTerm: await this.#service.remove(actor, 'TERM', id) };
    });
  }

  @Mutation(() => DomainPayload, { description: 'Takes a domain away that nothing names any more.' })
  removeDomain(
    @Acting() actor: Actor,
    @Arg('input', () => RemoveDomainInput, { description: 'Which.' }) input: RemoveDomainInput,
  ) {
    return mutationPayload(input, async () => {
      const id = localId('Domain', input.domainId, ['domainId']);
      return { domain: await this.#service.remove(actor, 'DOMAIN', id) };
    });
  }
}

const parentOf = (word: Word, { loaders }: RequestContext): Promise<Word | null> =>
  word.parentId === null ? Promise.resolve(null) : loaders.word.load(word.parentId);

const datasetsOf = async (word: Word, page: ConnectionArgs, { loaders }: RequestContext) =>
  new DatasetConnection(await loaders.datasetsOfWord.load({ parentId: word.id, request: page }));

@Resolver(() => GlossaryTermType)
export class GlossaryTermFields {
  @FieldResolver(() => GlossaryTermType, { nullable: true, description: 'The term above it.' })
  parent(@Root() word: Word, @Ctx() context: RequestContext): Promise<Word | null> {
    return parentOf(word, context);
  }

  @FieldResolver(() => DatasetConnection, {
    description: 'Datasets that it describes, themselves or fields of theirs.',
  })
  datasets(@Root() word: Word, @Args(() => ConnectionArgs) page: ConnectionArgs, @Ctx() context: RequestContext) {
    return datasetsOf(word, page, context);
  }
}

@Resolver(() => DomainType)
export class DomainFields {
  @FieldResolver(() => DomainType, { nullable: true, description: 'The domain above it.' })
  parent(@Root() word: Word, @Ctx() context: RequestContext): Promise<Word | null> {
    return parentOf(word, context);
  }

  @FieldResolver(() => DatasetConnection, { description: 'Datasets that belong to it.' })
  datasets(@Root() word: Word, @Args(() => ConnectionArgs) page: ConnectionArgs, @Ctx() context: RequestContext) {
    return datasetsOf(word, page, context);
  }
}
