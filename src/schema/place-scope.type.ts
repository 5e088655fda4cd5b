import { Field, ID, InputType, ObjectType } from 'type-graphql';

@ObjectType('PlaceScope', {
  description: 'Which datasets are meant, now and later: parts narrow each other, and null does not narrow.',
})
export class PlaceScopeType {
  @Field(() => [ID], { nullable: true, description: 'Only these datasets.' })
  datasetIds!: readonly string[] | null;

  @Field(() => [String], { nullable: true, description: 'Only datasets of these namespaces.' })
  namespaces!: readonly string[] | null;

  @Field(() => [ID], { nullable: true, description: 'Only where one of these entities is mapped.' })
  entityIds!: readonly string[] | null;

  @Field(() => [String], { nullable: true, description: 'Only where a column has one of these classifications.' })
  classifications!: readonly string[] | null;

  @Field(() => Boolean, { description: 'True for all that is made of those places, too.' })
  lineageDownstream!: boolean;
}

@InputType({
  description:
    'Which datasets are meant. Parts narrow each other; names of one part stand beside each other. It is asked anew for each decision, so what fits it later is meant then. At least one part that says where.',
})
export class PlaceScopeInput {
  @Field(() => [ID], { nullable: true, description: 'Only these datasets, 1 to 1,000.' })
  datasetIds?: string[] | null;

  @Field(() => [String], { nullable: true, description: 'Only datasets of these namespaces, 1 to 1,000.' })
  namespaces?: string[] | null;

  @Field(() => [ID], { nullable: true, description: 'Only where one of these entities is mapped, 1 to 1,000.' })
  entityIds?: string[] | null;

  @Field(() => [String], {
    nullable: true,
    description:
      'Only where a column has one of these classifications: by a version of an entity that is mapped there, or by a label of the dataset. 1 to 1,000.',
  })
  classifications?: string[] | null;

  @Field(() => Boolean, {
    nullable: true,
    description: 'Also all that is made of those places, however many steps away by lineage. Default false.',
  })
  lineageDownstream?: boolean | null;
}
