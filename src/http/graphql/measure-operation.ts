import {
  type ASTNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';

/** What an operation asks for, with fragments taken in at every place that spreads them. */
export interface OperationMeasures {
  /** Fields inside one another; those of introspection count as one. */
  readonly depth: number;
  readonly aliases: number;
  /** Objects that may have to be read: see `costOf…` below. */
  readonly cost: number;
}

type Variables = Readonly<Record<string, unknown>>;

/** Where a selection set stands: the type it is of, and how many items the page around it has. */
interface Place {
  readonly type: GraphQLNamedType | undefined;
  readonly pageSize: number;
}

const nothing: OperationMeasures = { depth: 0, aliases: 0, cost: 0 };
const pageSizeDefault = 50;
const pageSizeMax = 100;
/** An item of a list is read by a scan of its own; a link to one object is read for all items at once. */
const itemCost = 1;
const linkCost = 0.5;

/** Computes before anything is executed, in time linear in the document. */
export function measureOperation(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Variables,
): OperationMeasures {
  return new Measurement(schema, document, operation, variables).measures();
}

class Measurement {
  readonly #schema: GraphQLSchema;
  readonly #operation: OperationDefinitionNode;
  readonly #variables: Variables;
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** By fragment and place; null while it is being measured, for a fragment that spreads itself. */
  readonly #known = new Map<string, OperationMeasures | null>();

  constructor(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Variables) {
    this.#schema = schema;
    this.#operation = operation;
    this.#variables = variables;
    this.#fragments = new Map(
      document.definitions.flatMap((node) =>
        node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node] as const] : [],
      ),
    );
  }

  measures(): OperationMeasures {
    const type = this.#schema.getRootType(this.#operation.operation) ?? undefined;
    return this.#ofSelections(this.#operation.selectionSet, { type, pageSize: 1 });
  }

  #ofSelections(set: SelectionSetNode, place: Place): OperationMeasures {
    return set.selections.reduce((sum, node) => {
      const one = this.#ofSelection(node, place);
      return {
        depth: Math.max(sum.depth, one.depth),
        aliases: sum.aliases + one.aliases,
        cost: sum.cost + one.cost,
      };
    }, nothing);
  }

  #ofSelection(node: SelectionSetNode['selections'][number], place: Place): OperationMeasures {
    if (node.kind === Kind.FIELD) return this.#ofField(node, place);
    if (node.kind === Kind.FRAGMENT_SPREAD) return this.#ofFragment(node.name.value, place);
    return this.#ofSelections(node.selectionSet, this.#narrowed(place, node.typeCondition?.name.value));
  }

  #ofFragment(name: string, place: Place): OperationMeasures {
    const fragment = this.#fragments.get(name);
    if (fragment === undefined) return nothing;
    const within = this.#narrowed(place, fragment.typeCondition.name.value);
    const key = `${name} ${within.type?.name ?? ''} ${within.pageSize}`;
    const known = this.#known.get(key);
    // Validation refuses a fragment that spreads itself; here it only must not go round for ever.
    if (known !== undefined) return known ?? nothing;
    this.#known.set(key, null);
    const measured = this.#ofSelections(fragment.selectionSet, within);
    this.#known.set(key, measured);
    return measured;
  }

  #narrowed(place: Place, typeName: string | undefined): Place {
    return typeName === undefined ? place : { ...place, type: this.#schema.getType(typeName) };
  }

  #ofField(node: FieldNode, place: Place): OperationMeasures {
    const field = fieldOf(place.type, node.name.value);
    const aliases = node.alias === undefined ? 0 : 1;
    if (node.selectionSet === undefined) return { depth: 1, aliases, cost: 0 };
    const type = field === undefined ? undefined : getNamedType(field.type);
    const inner = this.#ofSelections(node.selectionSet, { type, pageSize: this.#pageSize(node) });
    // Fields of introspection cannot be spread over data, and validation limits how they nest.
    if (node.name.value.startsWith('__')) return { depth: 1, aliases: aliases + inner.aliases, cost: 0 };
    return {
      depth: 1 + inner.depth,
      aliases: aliases + inner.aliases,
      cost: this.#costOf(node, field, { place, inner: inner.cost }),
    };
  }

  #costOf(
    node: FieldNode,
    field: GraphQLField<unknown, unknown> | undefined,
    around: { readonly place: Place; readonly inner: number },
  ): number {
    const { place, inner } = around;
    if (field === undefined || !isCompositeType(getNamedType(field.type))) return inner;
    const isList = isListType(getNullableType(field.type));
    if (isConnection(place.type)) {
      if (field.name === 'nodes') return place.pageSize * (itemCost + inner);
      if (field.name === 'edges') return place.pageSize * inner;
      // An edge was paid for by its node below; whatever else a connection has stands there once.
      return inner;
    }
    if (isEdge(place.type) && field.name === 'node') return itemCost + inner;
    if (isList) return linkCost + this.#listSize(node) * ((isNode(getNamedType(field.type)) ? itemCost : 0) + inner);
    return (isConnection(getNamedType(field.type)) ? itemCost : linkCost) + inner;
  }

  #pageSize(node: FieldNode): number {
    const size = this.#argument(node, 'first') ?? this.#argument(node, 'last');
    return typeof size === 'number' ? Math.min(Math.max(size, 0), pageSizeMax) : pageSizeDefault;
  }

  /** A list without pages is as long as what was asked by, else taken for a page. */
  #listSize(node: FieldNode): number {
    const given = this.#argument(node, 'ids');
    return Array.isArray(given) ? given.length : pageSizeDefault;
  }

  #argument(node: FieldNode, name: string): unknown {
    const value = node.arguments?.find((argument) => argument.name.value === name)?.value;
    return value === undefined ? undefined : this.#valueOf(value);
  }

  #valueOf(value: ValueNode): unknown {
    if (value.kind === Kind.INT) return Number(value.value);
    if (value.kind === Kind.LIST) return value.values;
    if (value.kind !== Kind.VARIABLE) return undefined;
    const name = value.name.value;
    if (Object.hasOwn(this.#variables, name)) return this.#variables[name];
    const declared = this.#operation.variableDefinitions?.find((node) => node.variable.name.value === name);
    return declared?.defaultValue === undefined ? undefined : this.#valueOf(declared.defaultValue);
  }
}

function fieldOf(type: GraphQLNamedType | undefined, name: string): GraphQLField<unknown, unknown> | undefined {
  return isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined;
}

function isConnection(type: GraphQLNamedType | undefined): boolean {
  return fieldOf(type, 'pageInfo') !== undefined && fieldOf(type, 'nodes') !== undefined;
}

function isEdge(type: GraphQLNamedType | undefined): boolean {
  return fieldOf(type, 'cursor') !== undefined && fieldOf(type, 'node') !== undefined;
}

function isNode(type: GraphQLNamedType): boolean {
  return type.name === 'Node' || (isObjectType(type) && type.getInterfaces().some(({ name }) => name === 'Node'));
}

/** How often a document holds nodes of a kind, fragments counted once. */
export function countNodes(node: ASTNode, kind: Kind): number {
  let count = 0;
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) walk(item);
    } else if (typeof value === 'object' && value !== null && 'kind' in value) {
      if (value.kind === kind) count += 1;
      for (const [key, child] of Object.entries(value)) if (key !== 'loc') walk(child);
    }
  };
  walk(node);
  return count;
}
