import {
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isListType,
  isNonNullType,
  isObjectType,
  isSpecifiedScalarType,
} from 'graphql';

/** Places that break a rule on purpose, each with the reason. */
export type Exceptions = Readonly<Record<string, string>>;

const typesOf = (schema: GraphQLSchema) =>
  Object.values(schema.getTypeMap()).filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type));

const objectsOf = (schema: GraphQLSchema): GraphQLObjectType[] => typesOf(schema).filter(isObjectType);

const without = (places: readonly string[], exceptions: Exceptions): string[] =>
  places.filter((place) => !Object.hasOwn(exceptions, place));

/** Types, fields, arguments, input fields and enum values without a description. */
export function undescribed(schema: GraphQLSchema): string[] {
  const places: [string, string | null | undefined][] = [];
  for (const type of typesOf(schema)) {
    places.push([type.name, type.description]);
    if (isEnumType(type))
      for (const value of type.getValues()) places.push([`${type.name}.${value.name}`, value.description]);
    if (isInputObjectType(type))
      for (const field of Object.values(type.getFields()))
        places.push([`${type.name}.${field.name}`, field.description]);
    if (!isObjectType(type) && !isInterfaceType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      places.push([`${type.name}.${field.name}`, field.description]);
      for (const arg of field.args) places.push([`${type.name}.${field.name}(${arg.name}:)`, arg.description]);
    }
  }
  return places.filter(([, description]) => !description?.trim()).map(([place]) => place);
}

/** Field names that mean different types on types that implement Node, as `name: Type A.name, Type B.name`. */
export function unequalFields(schema: GraphQLSchema, exceptions: Exceptions): string[] {
  const nodes = objectsOf(schema).filter((type) => type.getInterfaces().some(({ name }) => name === 'Node'));
  const byName = new Map<string, Map<string, string>>();
  for (const type of nodes) {
    for (const field of Object.values(type.getFields())) {
      const places = byName.get(field.name) ?? new Map<string, string>();
      byName.set(field.name, places.set(type.name, String(field.type)));
    }
  }
  const unequal = [...byName].filter(([, places]) => new Set(places.values()).size > 1).map(([name]) => name);
  return without(unequal, exceptions).map(
    (name) => `${name}: ${[...(byName.get(name) ?? [])].map(([owner, type]) => `${owner} ${type}`).join(', ')}`,
  );
}

const isList = (field: GraphQLField<unknown, unknown>): boolean =>
  isListType(isNonNullType(field.type) ? field.type.ofType : field.type);

/** List fields outside connections and the refusals of a payload. A listed one is bounded, and says by what. */
export function unboundedLists(schema: GraphQLSchema, bounded: Exceptions): string[] {
  const places = objectsOf(schema)
    .filter(({ name }) => !name.endsWith('Connection'))
    .flatMap((type) =>
      Object.values(type.getFields())
        .filter((field) => isList(field))
        .map((field) => `${type.name}.${field.name}`),
    )
    .filter((place) => !place.endsWith('Payload.userErrors'));
  return without(places, bounded);
}

/** Types named `…Connection` that do not have the form of one: edges, nodes, pageInfo, totalCount, and the four arguments. */
export function malformedConnections(schema: GraphQLSchema): string[] {
  const shape = ['edges', 'nodes', 'pageInfo', 'totalCount'];
  const fields = objectsOf(schema).flatMap((type) =>
    Object.values(type.getFields()).map((field) => ({ place: `${type.name}.${field.name}`, field })),
  );
  const badTypes = objectsOf(schema).filter(
    (type) => type.name.endsWith('Connection') && shape.some((name) => type.getFields()[name] === undefined),
  );
  const badFields = fields.filter(({ field }) => {
    if (!getNamedType(field.type).name.endsWith('Connection')) return false;
    const names = new Set(field.args.map(({ name }) => name));
    return !isNonNullType(field.type) || ['first', 'after', 'last', 'before'].some((name) => !names.has(name));
  });
  return [...badTypes.map(({ name }) => name), ...badFields.map(({ place }) => place)];
}

/** Mutations that do not take one `input!` and answer a payload with `userErrors`. */
export function malformedMutations(schema: GraphQLSchema): string[] {
  const mutations = Object.values(schema.getMutationType()?.getFields() ?? {});
  return mutations.flatMap((mutation) => {
    const [input, ...further] = mutation.args;
    const inputType = input === undefined ? undefined : getNamedType(input.type);
    const payload = getNamedType(mutation.type);
    const problems: string[] = [];
    if (input?.name !== 'input' || further.length > 0 || !isNonNullType(input.type))
      problems.push('takes exactly one argument, `input`, non-null');
    else if (!isInputObjectType(inputType) || String(inputType.getFields().clientMutationId?.type) !== 'String')
      problems.push('its input has an optional clientMutationId: String');
    if (!isObjectType(payload) || !payload.name.endsWith('Payload')) problems.push('answers a payload type');
    else {
      if (!isNonNullType(mutation.type)) problems.push('its payload is non-null');
      if (String(payload.getFields().userErrors?.type) !== '[UserError!]!')
        problems.push('its payload has userErrors: [UserError!]!');
      if (String(payload.getFields().clientMutationId?.type) !== 'String')
        problems.push('its payload has clientMutationId: String');
    }
    return problems.map((problem) => `${mutation.name}: ${problem}`);
  });
}

/** Fields, input fields and arguments named `id` that are not `ID!`. */
export function nullableIds(schema: GraphQLSchema): string[] {
  return typesOf(schema).flatMap((type) => {
    if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) return [];
    const fields = Object.values(type.getFields());
    const own = fields.filter(({ name }) => name === 'id').map((field) => ({ place: `${type.name}.id`, field }));
    const args = isInputObjectType(type)
      ? []
      : Object.values(type.getFields()).flatMap((field) =>
          field.args
            .filter(({ name }) => name === 'id')
            .map((arg) => ({ place: `${type.name}.${field.name}(id:)`, field: arg })),
        );
    return [...own, ...args].filter(({ field }) => String(field.type) !== 'ID!').map(({ place }) => place);
  });
}
