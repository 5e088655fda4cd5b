import { GraphQLError, type GraphQLFormattedError } from 'graphql';
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
 * What GraphQL says of input that does not fit, without the input, which may be personal data in the wrong place: the
 * variable, the place in it, and what was expected there.
 */
function withoutValues(message: string): string {
  const variable = /^Variable "\$\w+" got invalid value /.exec(message)?.[0];
  if (variable === undefined) return withoutQuote(message);
  // The value stands between; the last place that looks like one is the one that GraphQL wrote.
  const places = [...message.matchAll(/( at "[\w.[\]]+")?; (?=Field |Expected |[A-Z]\w+ cannot |Value |Enum )/g)];
  const last = places.at(-1);
  const reason = last === undefined ? '' : `; ${withoutQuote(message.slice(last.index + last[0].length))}`;
  return `${variable.replace(' got invalid value ', ' is not valid')}${last?.[1] ?? ''}${reason}`;
}

function withoutQuote(reason: string): string {
  return reason
    .replace(/^((?:Enum "\w+"|\w+) cannot represent [\w -]+)[:.]? .*$/s, '$1.')
    .replace(/^Value .* does not exist in "(\w+)" enum\..*$/s, 'The value does not exist in "$1" enum.');
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
      return {
        message: withoutValues(formatted.message),
        ...place,
        extensions: { code: 'BAD_INPUT', retryable: false, ...trace },
      };
    }
  }
  const { spec, code, message, field } = toLinewardError(origin);
  return {
    message: spec.exposed ? message : spec.message,
    ...place,
    extensions: { code, retryable: spec.retryable, ...trace, ...(field.length === 0 ? {} : { field }) },
  };
}
