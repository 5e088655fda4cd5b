import { Arg, Mutation, Resolver } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { localId } from '../domain/global-id.ts';
import {
  AddEntityAliasesInput,
  DeprecateEntityInput,
  DeprecateEntityVersionInput,
  DescribeEntityInput,
  EntityPayload,
  EntityVersionPayload,
  ReinstateEntityInput,
  ReinstateEntityVersionInput,
  RemoveEntityAliasInput,
} from '../schema/entity-description.input.ts';
import type { DeprecationService } from '../services/registry/deprecation.service.ts';
import type { EntityDescriptionService } from '../services/registry/entity-description.service.ts';
import { Acting } from './acting.ts';
import { mutationPayload } from './mutation-payload.ts';

@Resolver()
export class EntityDescriptionResolver {
  readonly #descriptions: EntityDescriptionService;
  readonly #deprecations: DeprecationService;

  constructor(deps: {
    readonly entityDescriptionService: EntityDescriptionService;
    readonly deprecationService: DeprecationService;
  }) {
    this.#descriptions = deps.entityDescriptionService;
    this.#deprecations = deps.deprecationService;
  }

  @Mutation(() => EntityPayload, { description: 'Changes documentation, owners and tags of an entity.' })
  describeEntity(
    @Acting() actor: Actor,
    @Arg('input', () => DescribeEntityInput, { description: 'What is to be said.' }) input: DescribeEntityInput,
  ) {
    return mutationPayload(input, async () => {
      const entityId = localId('Entity', input.entityId, ['entityId']);
      return { entity: await this.#descriptions.describeEntity(actor, { ...input, entityId }) };
    });
  }

  @Mutation(() => EntityPayload, {
    description: 'Gives an entity further names under which it is found; those that it has stay.',
  })
  addEntityAliases(
    @Acting() actor: Actor,
    @Arg('input', () => AddEntityAliasesInput, { description: 'The names.' }) input: AddEntityAliasesInput,
  ) {
    return mutationPayload(input, async () => {
      const entityId = localId('Entity', input.entityId, ['entityId']);
      return { entity: await this.#descriptions.addEntityAliases(actor, { entityId, aliases: input.aliases }) };
    });
  }

  @Mutation(() => EntityPayload, { description: 'Takes a further name from an entity; another may then have it.' })
  removeEntityAlias(
    @Acting() actor: Actor,
    @Arg('input', () => RemoveEntityAliasInput, { description: 'The name.' }) input: RemoveEntityAliasInput,
  ) {
    return mutationPayload(input, async () => {
      const entityId = localId('Entity', input.entityId, ['entityId']);
      return { entity: await this.#descriptions.removeEntityAlias(actor, { entityId, alias: input.alias }) };
    });
  }

  @Mutation(() => EntityPayload, {
    description: 'Says that an entity should be used no longer. It keeps working. Again: changes why and what instead.',
  })
  deprecateEntity(
    @Acting() actor: Actor,
    @Arg('input', () => DeprecateEntityInput, { description: 'Which and why.' }) input: DeprecateEntityInput,
  ) {
    return mutationPayload(input, async () => ({
      entity: await this.#deprecations.deprecateEntity(actor, deprecation('Entity', input)),
    }));
  }

  @Mutation(() => EntityPayload, { description: 'Takes back that an entity should be used no longer.' })
  reinstateEntity(
    @Acting() actor: Actor,
    @Arg('input', () => ReinstateEntityInput, { description: 'Which.' }) input: ReinstateEntityInput,
  ) {
    return mutationPayload(input, async () => ({
      entity: await this.#deprecations.reinstateEntity(actor, localId('Entity', input.id)),
    }));
  }

  @Mutation(() => EntityVersionPayload, {
    description: 'Says that a version should be used no longer. It keeps working. Again: changes why and what instead.',
  })
  deprecateEntityVersion(
    @Acting() actor: Actor,
    @Arg('input', () => DeprecateEntityVersionInput, { description: 'Which and why.' })
    input: DeprecateEntityVersionInput,
  ) {
    return mutationPayload(input, async () => ({
      entityVersion: await this.#deprecations.deprecateEntityVersion(actor, deprecation('EntityVersion', input)),
    }));
  }

  @Mutation(() => EntityVersionPayload, { description: 'Takes back that a version should be used no longer.' })
  reinstateEntityVersion(
    @Acting() actor: Actor,
    @Arg('input', () => ReinstateEntityVersionInput, { description: 'Which.' }) input: ReinstateEntityVersionInput,
  ) {
    return mutationPayload(input, async () => ({
      entityVersion: await this.#deprecations.reinstateEntityVersion(actor, localId('EntityVersion', input.id)),
    }));
  }
}

function deprecation(
  type: 'Entity' | 'EntityVersion',
  input: { readonly id: string; readonly reason: string; readonly replacementId?: string },
) {
  const { replacementId } = input;
  return {
    id: localId(type, input.id),
    reason: input.reason,
    ...(replacementId === undefined ? {} : { replacementId: localId(type, replacementId, ['replacementId']) }),
  };
}
