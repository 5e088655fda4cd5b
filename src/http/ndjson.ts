import { Readable } from 'node:stream';
import { LinewardError } from '../errors/lineward-error.ts';

/** The content type of bodies that hold one JSON value a line. */
export const ndjson = 'application/x-ndjson';

/** The body of a request that came as NDJSON and was not parsed; null for any other. */
export function streamOf(body: unknown): Readable | null {
  return body instanceof Readable ? body : null;
}

/** Answers, one a line. */
export async function* printedLines(answers: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const answer of answers) yield `${JSON.stringify(answer)}\n`;
}

/** Lines of a stream; one that is longer than the limit ends it with an error of its own. */
export async function* linesOf(stream: Readable, lineCharsMax: number): AsyncGenerator<string> {
  let rest = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    const lines = `${rest}${String(chunk)}`.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > lineCharsMax)
      throw new LinewardError('LIMIT_EXCEEDED', `A line has more than ${lineCharsMax} characters.`);
    yield* lines;
  }
  if (rest !== '') yield rest;
}
