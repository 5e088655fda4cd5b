import { Field, ID, InputType, ObjectType } from 'type-graphql';
import type { MappingRole } from '../domain/operations/target.ts';
import type { Dataset, Mapping } from '../entities/dataset.entity.ts';
import type { Entity } from '../entities/entity.entity.ts';
import type { EntityVersion } from '../entities/entity-version.entity.ts';
import { DatasetType, MappingRoleEnum, MappingType, RecordKeysInput } from './dataset.type.ts';
import { EntityType, EntityVersionType } from './entity.type.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { Json } from './scalars.ts';

@InputType({ description: 'A schema document to register.' })
export class RegisterEntityVersionInput extends MutationInput {
  @Field(() => Json, {
    description:
      'The document: `{version, created_by, date_created, namespace, schema: {name, namespace, type: "record", fields}}`. Fields may carry `twilio_type`.',
  })
  document!: unknown;

  @Field(() => [String], {
    nullable: true,
    description: 'Further names under which the entity is found, e.g. `SparkSummit.Demo`.',
  })
  aliases?: string[];
}

@ObjectType({ description: 'The registered version.' })
export class RegisterEntityVersionPayload extends MutationPayload {
  @Field(() => EntityType, { nullable: true, description: 'The entity; null when refused.' })
  entity?: Entity | null;

  @Field(() => EntityVersionType, {
    nullable: true,
    description: 'The version: a new one, or the one that holds this document already.',
  })
  version?: EntityVersion | null;

  @Field(() => Boolean, { nullable: true, description: 'False when the document was registered before.' })
  isNew?: boolean | null;
}

@InputType({ description: 'The name of a dataset.' })
export class DatasetNameInput {
  @Field(() => String, { description: 'Where it lives, e.g. `kafka://broker:9092`.' })
  namespace!: string;

  @Field(() => String, { description: 'Its name there, e.g. a topic.' })
  name!: string;
}

@InputType({ description: 'A dataset that holds records of an entity.' })
export class MapEntityInput extends RecordKeysInput {
  @Field(() => ID, { description: 'The entity.' })
  entityId!: string;

  @Field(() => DatasetNameInput, { description: 'The dataset; it is made when the catalog does not know it.' })
  dataset!: DatasetNameInput;

  @Field(() => MappingRoleEnum, { description: 'What kind of place it is.' })
  role!: MappingRole;
}

@InputType({ description: 'What the produce API does with the records of a topic.' })
export class SetProduceGateInput extends MutationInput {
  @Field(() => ID, { description: 'The mapping of the entity to the topic.' })
  id!: string;

  @Field(() => Boolean, {
    description:
      'True to protect records by the policies in force before Kafka sees them; values that are envelopes already stay as they are.',
  })
  protect!: boolean;
}

@ObjectType({ description: 'The changed mapping.' })
export class SetProduceGatePayload extends MutationPayload {
  @Field(() => MappingType, { nullable: true, description: 'The mapping; null when refused.' })
  mapping?: Mapping | null;

  @Field(() => DatasetType, { nullable: true, description: 'The topic; null when refused.' })
  dataset?: Dataset | null;
}

@InputType({ description: 'A mapping to remove.' })
export class UnmapEntityInput extends MutationInput {
  @Field(() => ID, { description: 'The mapping.' })
  id!: string;
}

@ObjectType({ description: 'What the removed mapping had joined.' })
export class UnmapEntityPayload extends MutationPayload {
  @Field(() => EntityType, { nullable: true, description: 'The entity; null when refused.' })
  entity?: Entity | null;

  @Field(() => DatasetType, {
    nullable: true,
    description: 'The dataset, which stays in the catalog; null when refused.',
  })
  dataset?: Dataset | null;
}

@ObjectType({ description: 'The mapping.' })
export class MapEntityPayload extends MutationPayload {
  @Field(() => MappingType, { nullable: true, description: 'The mapping; null when refused.' })
  mapping?: Mapping | null;
}
