import { Args, Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import { globalId } from '../domain/global-id.ts';
import { datesOf } from '../domain/governance/hold-scope.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import type { LegalHold } from '../entities/legal-hold.entity.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { DatasetType } from '../schema/dataset.type.ts';
import { HeldPlaceConnection, HeldPlaceType, LegalHoldScopeType, LegalHoldType } from '../schema/governance.type.ts';
import type { RequestContext } from './context.ts';

@Resolver(() => LegalHoldType)
export class LegalHoldFields {
  @FieldResolver(() => String, {
    nullable: true,
    description: 'Field that names the person where it keeps just one; null otherwise, see `scope`.',
  })
  subjectField(@Root() { subjects }: LegalHold): string | null {
    return subjects.length === 1 ? (subjects[0]?.field ?? null) : null;
  }

  @FieldResolver(() => String, { nullable: true, description: 'Value that names the person where it keeps just one.' })
  subjectValue(@Root() { subjects }: LegalHold): string | null {
    return subjects.length === 1 ? (subjects[0]?.value ?? null) : null;
  }

  @FieldResolver(() => LegalHoldScopeType, { description: 'What it is about.' })
  scope(@Root() hold: LegalHold): LegalHoldScopeType {
    const { accountId, subjects, namespaces, classifications, lineageDownstream } = hold;
    return {
      ...{ accountId, subjects, namespaces, classifications, lineageDownstream },
      datasetIds: hold.datasetIds?.map((id) => globalId('Dataset', id)) ?? null,
      entityIds: hold.entityIds?.map((id) => globalId('Entity', id)) ?? null,
      dates: datesOf(hold),
    };
  }

  @FieldResolver(() => HeldPlaceConnection, {
    description:
      'The datasets that its scope names at this moment; none where it names no places, which means all of them, and none once it is released.',
  })
  async matches(
    @Root() hold: LegalHold,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Ctx() { loaders }: RequestContext,
  ) {
    return new HeldPlaceConnection(await loaders.heldPlaces.load({ parentId: hold.id, request: page }));
  }
}

@Resolver(() => HeldPlaceType)
export class HeldPlaceFields {
  @FieldResolver(() => DatasetType, { description: 'The dataset.' })
  async dataset(@Root() { datasetId }: HeldPlaceType, @Ctx() { loaders }: RequestContext): Promise<Dataset> {
    const dataset = await loaders.dataset.load(datasetId);
    if (dataset === null) throw new LinewardError('NOT_FOUND', 'the dataset is not there any more');
    return dataset;
  }
}
