import { Field, InputType } from 'type-graphql';
import type { MappingRole } from '../domain/operations/target.ts';
import { MappingRoleEnum } from './dataset.type.ts';

@InputType({ description: 'Conditions on a text.' })
export class StringFilter {
  @Field(() => String, { nullable: true, description: 'Equals.' })
  eq?: string;

  @Field(() => [String], { nullable: true, description: 'Is one of at most 100.' })
  in?: string[];

  @Field(() => String, { nullable: true, description: 'Starts with.' })
  startsWith?: string;

  @Field(() => String, { nullable: true, description: 'Contains, whatever the case.' })
  contains?: string;
}

@InputType({ description: 'Which entities; all given conditions hold.' })
export class EntityFilter {
  @Field(() => StringFilter, { nullable: true, description: 'By namespace of the record.' })
  namespace?: StringFilter;

  @Field(() => StringFilter, { nullable: true, description: 'By name of the record.' })
  name?: StringFilter;

  @Field(() => StringFilter, { nullable: true, description: 'By folder in the catalog.' })
  catalogNamespace?: StringFilter;

  @Field(() => StringFilter, {
    nullable: true,
    description: 'A tag of the entity itself or of a field of its latest version meets this.',
  })
  tag?: StringFilter;

  @Field(() => StringFilter, { nullable: true, description: 'An owner meets this.' })
  owner?: StringFilter;

  @Field(() => StringFilter, {
    nullable: true,
    description: 'A classification of a field of the latest version meets this, e.g. `{eq: "PII"}`.',
  })
  classification?: StringFilter;

  @Field(() => Boolean, { nullable: true, description: 'True: only deprecated ones. False: none of these.' })
  deprecated?: boolean;

  @Field(() => [EntityFilter], { nullable: true, description: 'All of these.' })
  and?: EntityFilter[];

  @Field(() => [EntityFilter], { nullable: true, description: 'At least one of these.' })
  or?: EntityFilter[];

  @Field(() => EntityFilter, { nullable: true, description: 'None of this.' })
  not?: EntityFilter;
}

@InputType({ description: 'Which fields; all given conditions hold.' })
export class FieldFilter {
  @Field(() => StringFilter, {
    nullable: true,
    description:
      'A classification meets this, e.g. `{eq: "PII"}`. It holds whether the schema says `twilio_type`, `confluent:tags` or `metadata.tags`.',
  })
  classification?: StringFilter;

  @Field(() => StringFilter, { nullable: true, description: 'A tag, as written in the schema, meets this.' })
  tag?: StringFilter;

  @Field(() => StringFilter, {
    nullable: true,
    description: 'By semantic type, e.g. `{in: ["email", "phonenumber"]}`.',
  })
  semanticType?: StringFilter;

  @Field(() => StringFilter, { nullable: true, description: 'By path, e.g. `{startsWith: "user."}`.' })
  path?: StringFilter;

  @Field(() => StringFilter, { nullable: true, description: 'By type, e.g. `{eq: "string"}`.' })
  type?: StringFilter;

  @Field(() => StringFilter, { nullable: true, description: 'By namespace of the record, e.g. `{eq: "Demo"}`.' })
  entityNamespace?: StringFilter;

  @Field(() => StringFilter, { nullable: true, description: 'By name of the record, e.g. `{eq: "SparkSummit"}`.' })
  entityName?: StringFilter;

  @Field(() => StringFilter, { nullable: true, description: 'By folder of the entity in the catalog.' })
  catalogNamespace?: StringFilter;

  @Field(() => MappingRoleEnum, {
    nullable: true,
    description: 'Records of the entity are held by a dataset in this role, e.g. `LAKE_TABLE`.',
  })
  mappedTo?: MappingRole;

  @Field(() => [FieldFilter], { nullable: true, description: 'All of these.' })
  and?: FieldFilter[];

  @Field(() => [FieldFilter], { nullable: true, description: 'At least one of these.' })
  or?: FieldFilter[];

  @Field(() => FieldFilter, { nullable: true, description: 'None of this.' })
  not?: FieldFilter;
}
