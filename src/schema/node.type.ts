import { Field, ID, InterfaceType } from 'type-graphql';
import type { NodeTypeName } from '../domain/global-id.ts';

/** A row on its way out, marked with the GraphQL type it is read as. */
export interface TaggedNode {
  readonly __typename: NodeTypeName;
  readonly id: string;
}

@InterfaceType('Node', {
  description: 'An object with an id that is unique over the whole installation and can be fetched by `node(id:)`.',
  resolveType: (value: TaggedNode) => value.__typename,
})
export abstract class NodeType {
  @Field(() => ID, { description: 'Opaque global id. Stable for the life of the object.' })
  id!: string;
}
