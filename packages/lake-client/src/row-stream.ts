import { LakeReadError } from './lake-read-error.ts';

/** Lines of rows as the service answers them, some at a time. Ends only behind the line that says that all are there. */
export async function* rowLines(response: Response): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder();
  let rest: string[] = [];
  for await (const chunk of bytesOf(response)) {
    const [first = '', ...more] = decoder.decode(chunk, { stream: true }).split('\n');
    rest.push(first);
    if (more.length === 0) continue;
    // A long line comes in many pieces, which are joined once.
    const lines = [rest.join(''), ...more.slice(0, -1)];
    rest = [more.at(-1) ?? ''];
    const last = lines.at(-1) ?? '';
    if (!last.startsWith('{')) {
      yield lines;
      continue;
    }
    if (lines.length > 1) yield lines.slice(0, -1);
    const { error } = JSON.parse(last) as { readonly error?: unknown };
    if (error === undefined) return;
    throw LakeReadError.from(error, response.status);
  }
  throw incomplete();
}

async function* bytesOf({ body }: Response): AsyncGenerator<Uint8Array> {
  if (body === null) throw incomplete();
  try {
    yield* body as unknown as AsyncIterable<Uint8Array>;
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'AbortError') throw cause;
    throw incomplete(cause);
  }
}

const incomplete = (cause?: unknown): LakeReadError =>
  new LakeReadError('INCOMPLETE', 'The rows broke off before their end; read again.', { retryable: true, cause });
