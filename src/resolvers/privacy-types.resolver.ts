import { Arg, Args, Mutation, Query, Resolver } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { opaqueToken } from '../domain/privacy/plain-text.ts';
import type { RedactionRule } from '../domain/privacy/redaction-rule.ts';
import type { SemanticType } from '../domain/privacy/semantic-type.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import {
  DefineSemanticTypeInput,
  DefineSemanticTypePayload,
  type RedactionRuleInput,
  SemanticTypeConnection,
  SemanticTypeType,
} from '../schema/privacy-types.type.ts';
import type { SemanticTypeReadModel } from '../services/privacy/semantic-type.read-model.ts';
import type { SemanticTypeService } from '../services/privacy/semantic-type.service.ts';
import { Acting } from './acting.ts';
import { mutationPayload } from './mutation-payload.ts';

@Resolver(() => SemanticTypeType)
export class PrivacyTypesResolver {
  readonly #service: SemanticTypeService;
  readonly #readModel: SemanticTypeReadModel;

  constructor(deps: {
    readonly semanticTypeService: SemanticTypeService;
    readonly semanticTypes: SemanticTypeReadModel;
  }) {
    this.#service = deps.semanticTypeService;
    this.#readModel = deps.semanticTypes;
  }

  @Query(() => SemanticTypeConnection, { description: 'All semantic types by name: of the product, and defined here.' })
  async semanticTypes(@Args(() => ConnectionArgs) page: ConnectionArgs) {
    return new SemanticTypeConnection(await this.#readModel.semanticTypes(page));
  }

  @Query(() => SemanticTypeType, {
    nullable: true,
    description: 'A semantic type by name or alias; null when unknown.',
  })
  async semanticType(
    @Arg('name', () => String, { description: 'Name or alias, in any case.' }) name: string,
  ): Promise<SemanticType | null> {
    return (await this.#readModel.known()).find(name);
  }

  @Query(() => SemanticTypeConnection, { description: 'Versions of a type that was defined here, newest first.' })
  async semanticTypeVersions(
    @Arg('name', () => String, { description: 'Canonical name.' }) name: string,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
  ) {
    return new SemanticTypeConnection(await this.#readModel.versions(name, page));
  }

  @Mutation(() => DefineSemanticTypePayload, {
    description: 'Defines a semantic type or a further version of one. Streams follow from their next batch on.',
  })
  defineSemanticType(
    @Acting() actor: Actor,
    @Arg('input', () => DefineSemanticTypeInput, { description: 'The type.' }) input: DefineSemanticTypeInput,
  ) {
    return mutationPayload(input, async () => ({
      semanticType: await this.#service.defineSemanticType(actor, {
        name: input.name,
        aliases: (input.aliases ?? []).map((alias) => alias.trim().toLowerCase()),
        classifications: input.classifications ?? [],
        defaultAction: input.defaultAction ?? 'REDACT',
        redaction: ruleOf(input.redaction),
        derivedPolicy: input.derivedPolicy ?? 'REDACT',
        description: input.description ?? '',
        expectedVersion: input.expectedVersion,
      }),
    }));
  }
}

/** The rule of an input; members of other kinds are left behind. */
function ruleOf({ kind, count, filler, layout, text }: RedactionRuleInput): RedactionRule {
  switch (kind) {
    case 'KEEP_FIRST':
    case 'KEEP_LAST':
      return { kind, count: count ?? 0, filler: filler ?? opaqueToken };
    case 'LAYOUT':
      return { kind, layout: layout ?? '' };
    case 'CONSTANT':
      return { kind, text: text ?? opaqueToken };
    default:
      return { kind };
  }
}
