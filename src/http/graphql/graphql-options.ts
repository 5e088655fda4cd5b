import type { GraphQLSchema } from 'graphql';
import type { Actor } from '../../domain/access/actor.ts';
import type { RequestContext } from '../../resolvers/context.ts';
import type { Allowances } from '../../services/access/allowances.ts';
import type { Authentication } from '../../services/access/authentication.ts';
import type { CatalogReaders } from '../../services/access/catalog-readers.ts';
import type { TrustedDocuments } from './trusted-documents.ts';

/** What GraphQL is served with, whatever the transport. */
export interface GraphqlOptions {
  readonly schema: GraphQLSchema;
  /** Everything of the context that is not the request's own; called once a request. */
  readonly contextOf: (actor: Actor, requestId: string) => RequestContext;
  readonly authentication: Pick<Authentication, 'actorOf'>;
  readonly readers: CatalogReaders;
  readonly allowances: Allowances;
  /** Development: Sandbox at `/graphql`, introspection, hints in validation errors. */
  readonly development: boolean;
  /** The only documents that are answered; null for all. */
  readonly trusted: TrustedDocuments | null;
}
