import { Field, Int, ObjectType } from 'type-graphql';
import type { Entity } from '../entities/entity.entity.ts';
import type { EntityField, EntityVersion } from '../entities/entity-version.entity.ts';
import { connectionOf } from './connection.type.ts';
import { NodeType } from './node.type.ts';
import { Instant } from './scalars.ts';

@ObjectType('Entity', {
  implements: NodeType,
  description: 'A logical record type such as `Demo.SparkSummit`, with all its versions and the places that hold it.',
})
export class EntityType
  extends NodeType
  implements Pick<Entity, 'namespace' | 'name' | 'catalogNamespace' | 'createdAt' | 'updatedAt'>
{
  @Field(() => String, { description: 'Namespace of the record, e.g. `Demo`.' })
  namespace!: string;

  @Field(() => String, { description: 'Name of the record, e.g. `SparkSummit`.' })
  name!: string;

  @Field(() => String, { description: 'Folder or team in the catalog: the `namespace` of the document itself.' })
  catalogNamespace!: string;

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
class EntityFieldType
  extends NodeType
  implements Pick<EntityField, 'path' | 'type' | 'nullable' | 'required' | 'semanticType' | 'classifications' | 'doc'>
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

  @Field(() => String, { nullable: true, description: '`doc` of the field in the document.' })
  doc!: string | null;
}

export const EntityConnection = connectionOf('Entity', () => EntityType, 'Entities, by namespace and name.');
export const EntityVersionConnection = connectionOf(
  'EntityVersion',
  () => EntityVersionType,
  'Versions of one entity, newest first.',
);
export const EntityFieldConnection = connectionOf(
  'EntityField',
  () => EntityFieldType,
  'Fields of one version, in document order.',
);
