import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const followTimeoutMs = 120_000;

/** Talks to a running service as any client would. */
export class DemoClient {
  readonly #urls: { readonly main: string; readonly produce: string };

  constructor(urls: { readonly main: string; readonly produce: string }) {
    this.#urls = urls;
  }

  /** Data of a GraphQL request; top-level errors and user errors are thrown. */
  async graphql<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
    const response = await fetch(`${this.#urls.main}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    const answer = (await response.json()) as { data?: Record<string, unknown>; errors?: { message: string }[] };
    if (answer.errors !== undefined || answer.data === undefined)
      throw new Error(answer.errors?.map((error) => error.message).join('; ') ?? 'no data');
    for (const value of Object.values(answer.data)) {
      const refused = (value as { userErrors?: { code: string; message: string }[] } | null)?.userErrors ?? [];
      if (refused.length > 0) throw new Error(refused.map((error) => `${error.code}: ${error.message}`).join('; '));
    }
    return answer.data as T;
  }

  async post<T>(
    to: 'main' | 'produce',
    path: string,
    body: unknown,
    contentType = 'application/json',
  ): Promise<{ status: number; body: T }> {
    const response = await fetch(`${this.#urls[to]}${path}`, {
      method: 'POST',
      headers: { 'content-type': contentType },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as T };
  }

  /** Follows a subscription until `isLast` says so; answers the last item. */
  async follow<T>(
    query: string,
    variables: Record<string, unknown>,
    each: (data: T) => void,
    isLast: (data: T) => boolean,
  ): Promise<T> {
    const client = createClient({
      retryAttempts: 0,
      url: `${this.#urls.main.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
    });
    const timer = setTimeout(() => void client.dispose(), followTimeoutMs);
    try {
      for await (const { data, errors } of client.iterate<Record<string, unknown>>({ query, variables })) {
        if (errors !== undefined) throw new Error(errors.map((error) => error.message).join('; '));
        each(data as T);
        if (isLast(data as T)) return data as T;
      }
      throw new Error(`nothing more was heard within ${followTimeoutMs / 1_000} s`);
    } finally {
      clearTimeout(timer);
      await client.dispose();
    }
  }
}
