import { createHash } from 'node:crypto';
import { GraphQLError, parse } from 'graphql';
import { LinewardError } from '../../errors/lineward-error.ts';
import { badRequest } from './query-limits.ts';

/** What a client sends: a document, the SHA-256 of one, or both. */
export interface SentDocument {
  readonly query?: unknown;
  readonly extensions?: unknown;
}

/** The documents that are answered, and no others. They come as text or by the SHA-256 of it, as persisted queries do. */
export class TrustedDocuments {
  readonly #documents: ReadonlyMap<string, string>;

  /**
   * `documents` by the SHA-256 of their text.
   * @throws LinewardError CONFIG_INVALID naming the one that does not parse.
   */
  constructor(documents: ReadonlyMap<string, string>) {
    for (const [hash, text] of documents) refuseUnreadable(hash, text);
    this.#documents = documents;
  }

  /** For Apollo, which looks up persisted queries here; what clients would like to leave is not kept. */
  readonly cache = {
    get: async (hash: string): Promise<string | undefined> => this.#documents.get(hash.replace(/^apq:/, '')),
    set: async (): Promise<void> => {},
    delete: async (): Promise<boolean> => false,
  };

  /**
   * The document that is meant.
   * @throws GraphQLError of status 400 and the code DOCUMENT_NOT_TRUSTED for any that is not registered.
   */
  sourceOf({ query, extensions }: SentDocument): string {
    const isSent = typeof query === 'string' && query !== '';
    const hash = isSent ? createHash('sha256').update(query).digest('hex') : hashIn(extensions);
    const source = hash === null ? undefined : this.#documents.get(hash);
    if (source === undefined) throw badRequest(new LinewardError('DOCUMENT_NOT_TRUSTED'));
    return source;
  }
}

function refuseUnreadable(hash: string, text: string): void {
  try {
    parse(text);
  } catch (cause) {
    const place = cause instanceof GraphQLError ? cause.locations?.[0] : undefined;
    const where = place === undefined ? '' : `, line ${place.line}`;
    const message = `TRUSTED_DOCUMENTS: the document of SHA-256 ${hash} does not parse${where}`;
    throw new LinewardError('CONFIG_INVALID', message, { path: ['TRUSTED_DOCUMENTS'], cause });
  }
}

function hashIn(extensions: unknown): string | null {
  const given = typeof extensions === 'string' ? jsonOf(extensions) : extensions;
  const { persistedQuery } = (given ?? {}) as { persistedQuery?: { sha256Hash?: unknown } | null };
  const hash = persistedQuery?.sha256Hash;
  return typeof hash === 'string' ? hash : null;
}

/** By GET the extensions are JSON in the address; what is none is refused as naming no document. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
