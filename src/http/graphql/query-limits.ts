import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  Lexer,
  type OperationDefinitionNode,
  Source,
  TokenKind,
} from 'graphql';
import { queryCostMax } from '../../domain/access/query-cost.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { countNodes, measureOperation } from './measure-operation.ts';

/** Limits of one GraphQL document; ADR 0011 says why these. */
const queryLimits = {
  characters: 100_000,
  tokens: 4_000,
  fields: 400,
  depth: 12,
  aliases: 15,
  directives: 30,
  cost: queryCostMax,
} as const;

type Limit = keyof typeof queryLimits;

const tellings: Readonly<Record<Limit, { readonly what: string; readonly mend: string }>> = {
  characters: { what: 'characters in the document', mend: 'pass values as variables' },
  tokens: { what: 'tokens in the document', mend: 'pass values as variables, or send several requests' },
  fields: { what: 'fields in the document', mend: 'name each field once, or send several requests' },
  depth: { what: 'fields inside one another', mend: 'ask for the inner objects by their ids in a second request' },
  aliases: { what: 'aliases', mend: 'use nodes(ids) or a filter, or send several requests' },
  directives: { what: 'directives in the document', mend: 'leave out what is not wanted instead of skipping it' },
  cost: {
    what: 'cost (each list counts with its `first` or `last`, 50 where neither is given)',
    mend: 'ask for smaller pages with `first`, or for the inner lists in a second request',
  },
};

function assertLimit(limit: Limit, actual: number, node?: OperationDefinitionNode): void {
  if (actual <= queryLimits[limit]) return;
  const { what, mend } = tellings[limit];
  const message = `The query is over the limit of ${what}: ${Math.ceil(actual)}, and at most ${queryLimits[limit]} are allowed; ${mend}.`;
  throw badRequest(new LinewardError('QUERY_TOO_COMPLEX', message), node);
}

/** An error of ours as GraphQL has it, answered with status 400. */
export function badRequest(error: LinewardError, node?: OperationDefinitionNode): GraphQLError {
  return new GraphQLError(error.message, {
    originalError: error,
    extensions: { http: { status: 400 } },
    ...(node === undefined ? {} : { nodes: node }),
  });
}

/** Runs what counts against the allowance of an actor. @throws GraphQLError of status 429 where nothing is left. */
export function withinAllowance(count: () => void): void {
  try {
    count();
  } catch (error) {
    if (!(error instanceof LinewardError)) throw error;
    const headers = new Map([['retry-after', String(error.details.retryAfterSeconds)]]);
    throw new GraphQLError(error.message, { originalError: error, extensions: { http: { status: 429, headers } } });
  }
}

/** Before a document is parsed: a parser is recursive and takes memory for each token. */
export function assertSource(query: string): void {
  assertLimit('characters', query.length);
  assertLimit('tokens', tokensIn(query));
}

/** Tokens up to the first fault, which the parser will tell of. */
function tokensIn(query: string): number {
  const lexer = new Lexer(new Source(query));
  let count = 0;
  try {
    while (lexer.advance().kind !== TokenKind.EOF) count += 1;
  } catch {
    return count;
  }
  return count;
}

/** Before a document is validated: validation compares fields pair by pair. Needs no values of variables. */
export function assertShape(schema: GraphQLSchema, document: DocumentNode): void {
  assertLimit('fields', countNodes(document, Kind.FIELD));
  assertLimit('directives', countNodes(document, Kind.DIRECTIVE));
  for (const node of document.definitions) {
    if (node.kind !== Kind.OPERATION_DEFINITION) continue;
    const { depth, aliases } = measureOperation(schema, document, node, {});
    assertLimit('depth', depth, node);
    assertLimit('aliases', aliases, node);
  }
}

/** Before an operation is executed: page sizes may be variables. Answers what it costs. */
export function assertCost(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): number {
  const { cost } = measureOperation(schema, document, operation, variables);
  assertLimit('cost', cost, operation);
  return cost;
}
