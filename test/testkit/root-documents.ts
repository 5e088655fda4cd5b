import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
} from 'graphql';
import { buildSchema } from '../../src/resolvers/build-schema.ts';

type Slot = Pick<GraphQLArgument, 'name' | 'type' | 'defaultValue'>;

/** The least that a value of a type can be. */
export function least(type: GraphQLInputType): unknown {
  if (isNonNullType(type)) return least(type.ofType);
  if (isListType(type)) return [least(type.ofType)];
  if (isEnumType(type)) return type.getValues()[0]?.name;
  if (isInputObjectType(type)) return leastOf(Object.values(type.getFields()));
  if (!isLeafType(type)) return null;
  const values: Readonly<Record<string, unknown>> = {
    Int: 1,
    Float: 1,
    Boolean: true,
    DateTimeISO: '2026-01-01T00:00:00Z',
  };
  return values[type.name] ?? 'x';
}

/** Values for what must be given. */
export function leastOf(given: readonly Slot[]): Record<string, unknown> {
  const needed = given.filter(({ type, defaultValue }) => isNonNullType(type) && defaultValue === undefined);
  return Object.fromEntries(needed.map(({ name, type }) => [name, least(type)]));
}

export interface RootDocument {
  readonly field: string;
  readonly query: string;
}

/** A document of a root field that passes these arguments as variables, and asks for nothing but the type of the answer. */
export function documentFor(
  root: string,
  field: GraphQLField<unknown, unknown>,
  given: readonly string[],
): RootDocument {
  const names = field.args.filter(({ name }) => given.includes(name));
  const declared = names.map(({ name, type }) => `$${name}: ${String(type)}`).join(', ');
  const passed = names.map(({ name }) => `${name}: $${name}`).join(', ');
  const selection = isLeafType(getNamedType(field.type)) ? '' : '{ __typename }';
  return {
    field: `${root}.${field.name}`,
    query: `${root.toLowerCase()} ${declared && `(${declared})`} { ${field.name}${passed && `(${passed})`} ${selection} }`,
  };
}

/** All that can be read and done, by root and field. */
export function rootFields(): readonly { readonly root: string; readonly field: GraphQLField<unknown, unknown> }[] {
  const schema = buildSchema();
  return [schema.getQueryType(), schema.getMutationType()].flatMap((type) =>
    Object.values(type?.getFields() ?? {}).map((field) => ({ root: type?.name ?? '', field })),
  );
}
