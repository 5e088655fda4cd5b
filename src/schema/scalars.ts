import { GraphQLDateTimeISO, GraphQLJSON } from 'graphql-scalars';

/** An instant, ISO 8601 in UTC. */
export const Instant = GraphQLDateTimeISO;

/** Any JSON value. */
export const Json = GraphQLJSON;
