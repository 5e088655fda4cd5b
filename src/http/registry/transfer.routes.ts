import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { ImportedLine, RegistryTransferService } from '../../services/registry/registry-transfer.service.ts';

const contentType = 'application/x-ndjson';
/** Longest line of an import, characters: a schema of the largest size with each of its quotes escaped. */
const lineCharsMax = 16 * 1024 * 1024;

/**
 * `GET /api/v1/registry/export` and `POST /api/v1/registry/import` of the main listener, one JSON object a line, streamed both
 * ways: how a whole registry moves out and in.
 */
export function transferRoutes(
  server: FastifyInstance,
  deps: { readonly registryTransfer: RegistryTransferService },
): void {
  server.addContentTypeParser(contentType, (_request, payload, done) => done(null, payload));
  server.get('/api/v1/registry/export', (_request, reply) =>
    reply.type(contentType).send(Readable.from(deps.registryTransfer.exported())),
  );
  server.post('/api/v1/registry/import', (request, reply) => {
    const body = z.instanceof(Readable).safeParse(request.body);
    if (!body.success)
      throw new LinewardError('BAD_INPUT', `Send the lines of an export as ${contentType}.`, {
        path: ['content-type'],
      });
    const answers = deps.registryTransfer.imported(request.actor, linesOf(body.data));
    return reply.type(contentType).send(Readable.from(printed(answers)));
  });
}

async function* printed(answers: AsyncIterable<ImportedLine>): AsyncGenerator<string> {
  for await (const answer of answers) yield `${JSON.stringify(answer)}\n`;
}

/** Lines of a stream; one that is longer than the limit ends the import with an error of its own. */
async function* linesOf(stream: Readable): AsyncGenerator<string> {
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
