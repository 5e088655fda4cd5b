import { Field, Int, ObjectType } from 'type-graphql';
import type { SchemaFormat } from '../domain/registry/schema-format.ts';
import type { Entity } from '../entities/entity.entity.ts';
import type { EntityField, EntityVersion } from '../entities/entity-version.entity.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { Instant } from './scalars.ts';

export const SchemaFormatEnum = describedEnum<SchemaFormat>('SchemaFormat', 'The language of a schema.', {
  AVRO: 'Apache Avro; documents of `registerEntityVersion` are Avro too.',
  JSON: 'JSON Schema, drafts 4 to 2020-12.',
  PROTOBUF: 'Protocol Buffers, proto2 and proto3.',
});

@ObjectType('Deprecation', { description: 'Says that something should be used no longer. It keeps working.' })
export class DeprecationType {
  /** What stands in its place, and of which kind it is. */
  readonly replacementOf!: { readonly type: 'Entity' | 'EntityVersion'; readonly id: string | null };

  @Field(() => String, { description: 'Why, e.g. `Replaced by Demo.SparkSummit2, which has consent flags.`' })
  reason!: string;

  @Field(() => Instant, { description: 'When it was deprecated.' })
  at!: Date;

  @Field(() => String, { description: 'Actor who deprecated it.' })
  by!: string;
}

@ObjectType('Entity', {
  implements: NodeType,
  description: 'A logical record type such as `Demo.SparkSummit`, with all its versions and the places that hold it.',
})
export class EntityType
  extends NodeType
  implements
    Pick<
      Entity,
      | 'namespace'
      | 'name'
      | 'catalogNamespace'
      | 'documentation'
      | 'owners'
      | 'tags'
      | 'revision'
      | 'createdAt'
      | 'updatedAt'
    >
{
  @Field(() => String, { description: 'Namespace of the record, e.g. `Demo`.' })
  namespace!: string;

  @Field(() => String, { description: 'Name of the record, e.g. `SparkSummit`.' })
  name!: string;

  @Field(() => String, { description: 'Folder or team in the catalog: the `namespace` of the document itself.' })
  catalogNamespace!: string;

  @Field(() => String, { nullable: true, description: 'Markdown written by people; null when there is none.' })
  documentation!: string | null;

  @Field(() => [String], { description: 'Teams or people who answer for it, e.g. `team:messaging`. At most 100.' })
  owners!: string[];

  @Field(() => [String], {
    description: 'Tags given to the entity itself, e.g. `tier-1`; at most 100. Its fields have tags of their own.',
  })
  tags!: string[];

  @Field(() => Int, {
    description: 'Counts changes of documentation, owners, tags and deprecation, from 0; for `expectedRevision`.',
  })
  revision!: number;

  @Field(() => Instant, { description: 'When the first version was registered.' })
  createdAt!: Date;

  @Field(() => Instant, { description: 'When the newest version was registered.' })
  updatedAt!: Date;
}

@ObjectType('EntityVersion', {
  implements: NodeType,
  description: 'One immutable schema document of an entity.',
})
export class EntityVersionType
  extends NodeType
  implements Pick<EntityVersion, 'number' | 'schemaId' | 'label' | 'fingerprint' | 'createdBy' | 'createdAt'>
{
  @Field(() => Int, { description: 'Position among the versions of the entity, from 1 without gaps.' })
  number!: number;

  @Field(() => Int, {
    description: 'Number of the schema over all entities, as the schema registry listener knows it.',
  })
  schemaId!: number;

  @Field(() => String, { description: '`version` of the document as its author wrote it; empty when absent.' })
  label!: string;

  @Field(() => String, { description: 'SHA-256 of the canonical JSON of the document, hex.' })
  fingerprint!: string;

  @Field(() => String, { description: '`created_by` of the document, else the actor that registered it.' })
  createdBy!: string;

  @Field(() => Instant, { description: 'When it was registered.' })
  createdAt!: Date;
}

@ObjectType('EntityField', {
  implements: NodeType,
  description: 'A path in a version. Elements of arrays are `a[]`, values of maps `a{}`, members of records `a.b`.',
})
export class EntityFieldType
  extends NodeType
  implements
    Pick<EntityField, 'path' | 'type' | 'nullable' | 'required' | 'semanticType' | 'classifications' | 'tags' | 'doc'>
{
  @Field(() => String, { description: 'Path from the top of the record, e.g. `user.emails[]`.' })
  path!: string;

  @Field(() => String, { description: 'Type without its null branch, e.g. `string`, `long`, `record`, `array`.' })
  type!: string;

  @Field(() => Boolean, { description: 'True when the value may be null.' })
  nullable!: boolean;

  @Field(() => Boolean, { description: 'True when a message without it is refused.' })
  required!: boolean;

  @Field(() => String, {
    nullable: true,
    description: 'What the value is, e.g. `phonenumber`; null when the document does not say.',
  })
  semanticType!: string | null;

  @Field(() => [String], { description: 'What the value means for governance, e.g. `PII`.' })
  classifications!: string[];

  @Field(() => [String], {
    description:
      'Tags of the field in its schema, as written: `confluent:tags`, the Protobuf option of that name, and `metadata.tags`.',
  })
  tags!: string[];

  @Field(() => String, { nullable: true, description: '`doc` of the field in the document.' })
  doc!: string | null;
}

export const EntityConnection = connectionOf('Entity', () => EntityType, 'Entities, by namespace and name.');
export const EntityVersionConnection = connectionOf(
  'EntityVersion',
  () => EntityVersionType,
  'Versions of one entity, newest first.',
);
export const EntityFieldConnection = connectionOf('EntityField', () => EntityFieldType, 'Fields, in document order.');
