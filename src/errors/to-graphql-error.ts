import { type ASTNode, GraphQLError, type GraphQLFormattedError, Kind, print } from 'graphql';
import { LinewardError, toLinewardError } from './lineward-error.ts';

// What the GraphQL libraries answer for requests they refuse themselves. Codes of the persisted-query protocol stay,
// because clients act on them by name.
const requestFaults = new Set([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'BAD_USER_INPUT',
  'BAD_REQUEST',
  'OPERATION_RESOLUTION_FAILURE',
]);
const protocolCodes = new Set(['PERSISTED_QUERY_NOT_FOUND', 'PERSISTED_QUERY_NOT_SUPPORTED']);

/** Our error behind whatever GraphQL wrapped around it. */
export function originOf(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError !== undefined ? originOf(error.originalError) : error;
}

/**
 * Shapes a top-level GraphQL error: `extensions` are `{code, retryable, requestId, field?}`. An error that is not ours is
 * masked; the request id leads to it in the log. It is null for what is refused before it is known.
 */
export function toGraphqlError(
  formatted: GraphQLFormattedError,
  error: unknown,
  requestId: string | null,
): GraphQLFormattedError {
  const origin = originOf(error);
  const { locations, path } = formatted;
  const trace = requestId === null ? {} : { requestId };
  const place = { ...(locations === undefined ? {} : { locations }), ...(path === undefined ? {} : { path }) };
  if (!(origin instanceof LinewardError)) {
    const code = String(formatted.extensions?.code ?? '');
    if (protocolCodes.has(code)) return { message: formatted.message, extensions: { code } };
    if (requestFaults.has(code) || origin instanceof GraphQLError) {
      const message = withoutLiterals(formatted.message, nodesOf(error));
      return { message, ...place, extensions: { code: 'BAD_INPUT', retryable: false, ...trace } };
    }
  }
  const { spec, code, message, field } = toLinewardError(origin);
  return {
    message: spec.exposed ? message : spec.message,
    ...place,
    extensions: { code, retryable: spec.retryable, ...trace, ...(field.length === 0 ? {} : { field }) },
  };
}

const literals: ReadonlySet<Kind> = new Set([Kind.STRING, Kind.INT, Kind.FLOAT, Kind.LIST, Kind.OBJECT]);

function nodesOf(error: unknown): readonly ASTNode[] {
  return error instanceof GraphQLError ? (error.nodes ?? []) : [];
}

/** GraphQL repeats literals that do not fit, and these may be personal data; the error's location leads to them. */
function withoutLiterals(message: string, nodes: readonly ASTNode[]): string {
  return nodes
    .filter((node) => literals.has(node.kind))
    .reduce((text, node) => text.replaceAll(print(node), '(value)'), message);
}
