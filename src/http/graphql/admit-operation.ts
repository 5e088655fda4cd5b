import {
  type DocumentNode,
  type ExecutionArgs,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  NoSchemaIntrospectionCustomRule,
  OperationTypeNode,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import type { Actor } from '../../domain/access/actor.ts';
import type { GraphqlOptions } from './graphql-options.ts';
import { measureOperation } from './measure-operation.ts';
import { assertCost, assertShape, assertSource, withinAllowance } from './query-limits.ts';
import { assertVariables } from './variable-values.ts';

/** More would tell an attacker more, and cost more to find. */
export const validationErrorsMax = 5;

interface SentOperation {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables?: Record<string, unknown> | null | undefined;
  readonly extensions?: unknown;
}

const remembered = { documents: 1_000, charactersMax: 4_000 };

/**
 * The limits of documents that come by HTTP, where Apollo parses and validates in one go. It caches what it has
 * validated, so what passed here is remembered too.
 */
export class DocumentGate {
  readonly #schema: GraphQLSchema;
  readonly #passed = new Set<string>();

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
  }

  /** @throws GraphQLError of status 400 for a document over a limit. */
  assert(query: string): void {
    if (this.#passed.has(query)) return;
    assertSource(query);
    const document = parsed(query);
    if (document === null) return;
    assertShape(this.#schema, document);
    if (query.length > remembered.charactersMax) return;
    if (this.#passed.size >= remembered.documents) this.#passed.clear();
    this.#passed.add(query);
  }
}

/** Null for what Apollo will find faults in. */
function parsed(query: string): DocumentNode | null {
  try {
    return parse(query);
  } catch {
    return null;
  }
}

/** For WebSockets what Apollo and its plugins do for HTTP: the same limits, and nothing told of the schema outside development. */
export function admitOperation(
  schema: GraphQLSchema,
  sent: SentOperation,
  {
    development,
    trusted,
    allowances,
    actor,
  }: Pick<GraphqlOptions, 'development' | 'trusted' | 'allowances'> & { readonly actor: Actor },
): ExecutionArgs | readonly GraphQLError[] {
  try {
    withinAllowance(() => allowances.request(actor));
    const source = trusted?.sourceOf(sent) ?? sent.query;
    assertSource(source);
    const document = parse(source);
    assertShape(schema, document);
    const rules = development ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
    const errors = validate(schema, document, rules, { maxErrors: validationErrorsMax });
    if (errors.length > 0) return development ? errors : errors.map(withoutSuggestion);
    const variableValues = sent.variables ?? {};
    const operation = getOperationAST(document, sent.operationName);
    if (operation != null) {
      assertVariables(schema, operation, variableValues);
      const cost = assertCost(schema, document, operation, variableValues);
      withinAllowance(() => allowances.query(actor, cost));
    }
    return { schema, document, operationName: sent.operationName ?? null, variableValues };
  } catch (error) {
    if (error instanceof GraphQLError) return [error];
    throw error;
  }
}

/** What each event of a subscription costs anew; 0 for what is answered once, which was counted before. */
export function costOfEvent({ schema, document, operationName, variableValues }: ExecutionArgs): number {
  const operation = getOperationAST(document, operationName);
  if (operation?.operation !== OperationTypeNode.SUBSCRIPTION) return 0;
  return measureOperation(schema, document, operation, variableValues ?? {}).cost;
}

function withoutSuggestion(error: GraphQLError): GraphQLError {
  const message = error.message.replace(/ ?Did you mean .*\?$/s, '');
  return new GraphQLError(message, {
    ...(error.nodes === undefined ? {} : { nodes: error.nodes }),
    originalError: error.originalError,
    extensions: error.extensions,
  });
}
