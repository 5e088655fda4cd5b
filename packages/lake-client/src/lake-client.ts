import type { LakeReadGrant } from './grant.ts';
import { LakeRead } from './lake-read.ts';
import { LakeReadError } from './lake-read-error.ts';

export interface LakeClientOptions {
  /** Of the main listener, e.g. `http://127.0.0.1:4000`. */
  readonly url: string;
  /** Bearer token; what is read is decided and audited for whom it belongs to. */
  readonly token?: string | undefined;
}

/** What is to be read: an entity that has one table, or a table by its location. */
export interface LakeReadRequest {
  readonly entity?: string | undefined;
  readonly table?: string | undefined;
  /** First UTC day, `yyyy-mm-dd`, by the date field of the table. */
  readonly from?: string | undefined;
  /** The day behind the last one. */
  readonly to?: string | undefined;
  /** All, if none is named. */
  readonly columns?: readonly string[] | undefined;
  /** Encrypted values in clear; takes the permission to decrypt, and a purpose. */
  readonly decrypt?: boolean | undefined;
  /** Why personal columns are read in clear; it stands in the audit log. */
  readonly purpose?: string | undefined;
}

/** How often a service that is busy is asked again, and how long is waited before that. */
const busyRetries = 3;
const busyWaitMs = 500;

/** Reads governed lake tables through a Lineward service. */
export class LakeClient {
  readonly #base: URL;
  readonly #token: string | undefined;

  constructor({ url, token }: LakeClientOptions) {
    this.#base = new URL(url.endsWith('/') ? url : `${url}/`);
    this.#token = token;
  }

  /** Asks what may be read; nothing of the rows is fetched yet. @throws LakeReadError */
  async open(request: LakeReadRequest): Promise<LakeRead> {
    const fetchPath = (path: string, signal?: AbortSignal): Promise<Response> =>
      this.#fetch(path, { signal: signal ?? null });
    return new LakeRead(await this.#grant(request), { grant: () => this.#grant(request), fetchPath });
  }

  async #grant(request: LakeReadRequest): Promise<LakeReadGrant> {
    const response = await this.#fetch('/api/v1/lake/reads', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    });
    return (await response.json()) as LakeReadGrant;
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    for (let attempt = 0; ; attempt += 1) {
      const response = await this.#sent(path, init);
      if (response.ok) return response;
      const error = LakeReadError.from(await response.json().catch(() => null), response.status);
      if (error.code !== 'LAKE_READS_BUSY' || attempt === busyRetries) throw error;
      await new Promise((resolve) => setTimeout(resolve, busyWaitMs * 2 ** attempt));
    }
  }

  async #sent(path: string, init: RequestInit): Promise<Response> {
    const url = new URL(path.replace(/^\//u, ''), this.#base);
    const authorization = this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
    try {
      return await fetch(url, { ...init, headers: { ...init.headers, ...authorization } });
    } catch (cause) {
      if (init.signal?.aborted === true) throw cause;
      throw new LakeReadError('UNREACHABLE', `Nothing answers at ${url.origin}.`, { retryable: true, cause });
    }
  }
}
