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

/** Lines of a stream; null stands for one that is longer than the limit, of which no more than that is ever kept. */
export async function* linesOf(stream: Readable, lineCharsMax: number): AsyncGenerator<string | null> {
  let rest = '';
  let isTooLong = false;
  const ended = (line: string): string | null => {
    const whole = isTooLong || line.length > lineCharsMax ? null : line;
    isTooLong = false;
    return whole;
  };
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    const lines = `${rest}${String(chunk)}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines.map(ended);
    if (rest.length <= lineCharsMax) continue;
    isTooLong = true;
    rest = '';
  }
  if (rest !== '' || isTooLong) yield ended(rest);
}

/** {@link linesOf} where no line can be left out. @throws LinewardError LIMIT_EXCEEDED at the first that is too long. */
export async function* wholeLinesOf(stream: Readable, lineCharsMax: number): AsyncGenerator<string> {
  for await (const line of linesOf(stream, lineCharsMax)) {
    if (line === null) throw new LinewardError('LIMIT_EXCEEDED', `A line has more than ${lineCharsMax} characters.`);
    yield line;
  }
}
