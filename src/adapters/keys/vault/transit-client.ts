import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { keyMismatch, keyUnavailable } from '../key-errors.ts';

export interface TransitSettings {
  readonly address: string;
  readonly namespace: string | null;
  readonly mount: string;
  /** The token, or the path of a file that holds it and that an agent may write anew. */
  readonly token: { reveal(): string } | { readonly file: string };
  /** Longest time for one call, its repetition included. */
  readonly timeoutMs: number;
}

type Verb = 'encrypt' | 'decrypt' | 'rewrap';

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export const holder = 'Vault';
const pauseMs = 100;
const errorsOf = z.object({ errors: z.array(z.string()) });

/**
 * What the engine says of a ciphertext that the key did not make. It comes with status 400 or 500, depending on verb and
 * release, so that the text has to tell it from a fault. A version that is too new may be one that this node has yet to see.
 */
const mismatch =
  /^invalid ciphertext(?!: version is too new)|message authentication failed|^missing ciphertext to decrypt$|^no such key version$/m;
/** Texts that may be shown; any other could repeat what we sent. */
const shown = [
  'permission denied',
  'Vault is sealed',
  'encryption key not found',
  'disallowed by policy (too old)',
  'version is too new',
];

/** One verb of the transit engine over HTTP, in the words of LinewardError. */
export class TransitClient {
  readonly #settings: TransitSettings;

  constructor(settings: TransitSettings) {
    this.#settings = settings;
  }

  /** @throws LinewardError KEY_UNAVAILABLE, KEY_MISMATCH. */
  async call(verb: Verb, key: string, body: Readonly<Record<string, string>>): Promise<unknown> {
    const signal = AbortSignal.timeout(this.#settings.timeoutMs);
    const first = await this.#ask(verb, key, body, signal);
    if (!isPassing(first) || signal.aborted) return bodyOf(first);
    await sleep(pauseMs);
    return bodyOf(await this.#ask(verb, key, body, signal));
  }

  /** The answer, or the name of what kept it away. */
  async #ask(
    verb: Verb,
    key: string,
    body: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Answer | string> {
    const { address, mount, namespace } = this.#settings;
    const token = await this.#token();
    const path = `v1/${mount}/${verb}/${encodeURIComponent(key)}`;
    try {
      const response = await fetch(new URL(path, address.endsWith('/') ? address : `${address}/`), {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-vault-request': 'true',
          'x-vault-token': token,
          ...(namespace === null ? {} : { 'x-vault-namespace': namespace }),
        },
        body: JSON.stringify(body),
        // A redirect would carry token and key to wherever it points.
        redirect: 'manual',
        signal,
      });
      const text = await response.text();
      return { status: response.status, body: parsed(text) };
    } catch (error) {
      return signal.aborted ? `no answer within ${this.#settings.timeoutMs} ms` : nameOf(error);
    }
  }

  async #token(): Promise<string> {
    const { token } = this.#settings;
    if ('reveal' in token) return token.reveal();
    const text = await readFile(token.file, 'utf8').catch((error: unknown) => {
      throw keyUnavailable(holder, `its token file cannot be read (${nameOf(error)})`);
    });
    return text.trim();
  }
}

/** True for what may be gone at the next attempt. All verbs can be repeated. */
function isPassing(answer: Answer | string): boolean {
  if (typeof answer === 'string') return true;
  return (answer.status >= 500 || answer.status === 429 || answer.status === 412) && !mismatch.test(errorText(answer));
}

function bodyOf(answer: Answer | string): unknown {
  if (typeof answer === 'string') throw keyUnavailable(holder, answer);
  if (answer.status === 200) return answer.body;
  const text = errorText(answer);
  if (mismatch.test(text)) throw keyMismatch(holder);
  const told = shown.find((part) => text.includes(part));
  throw keyUnavailable(holder, told === undefined ? `HTTP ${answer.status}` : `HTTP ${answer.status}, ${told}`);
}

const errorText = ({ body }: Answer): string => errorsOf.safeParse(body).data?.errors.join('\n') ?? '';

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** `ECONNREFUSED` and the like. Never the message: it can repeat a header. */
function nameOf(error: unknown): string {
  const { code, cause, name } = error as { code?: unknown; cause?: { code?: unknown }; name?: unknown };
  return ([code, cause?.code, name].find((part) => typeof part === 'string') as string | undefined) ?? 'no answer';
}
