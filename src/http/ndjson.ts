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
  // Pieces are joined once, when the line ends: a long one comes in hundreds.
  let pieces: string[] = [];
  let chars = 0;
  const add = (piece: string): void => {
    chars += piece.length;
    if (chars > lineCharsMax) pieces = [];
    else pieces.push(piece);
  };
  const ended = (): string | null => {
    const line = chars > lineCharsMax ? null : pieces.join('');
    pieces = [];
    chars = 0;
    return line;
  };
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    const [first = '', ...more] = String(chunk).split('\n');
    add(first);
    for (const piece of more) {
      yield ended();
      add(piece);
    }
  }
  if (chars > 0) yield ended();
}

/** {@link linesOf} where no line can be left out. @throws LinewardError LIMIT_EXCEEDED at the first that is too long. */
export async function* wholeLinesOf(stream: Readable, lineCharsMax: number): AsyncGenerator<string> {
  for await (const line of linesOf(stream, lineCharsMax)) {
    if (line === null) throw new LinewardError('LIMIT_EXCEEDED', `A line has more than ${lineCharsMax} characters.`);
    yield line;
  }
}
