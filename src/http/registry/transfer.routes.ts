import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { LinewardError } from '../../errors/lineward-error.ts';
import { readOn } from '../../services/access/reader.ts';
import type { RegistryTransferService } from '../../services/registry/registry-transfer.service.ts';
import { ndjson, printedLines, streamOf, wholeLinesOf } from '../ndjson.ts';

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
  server.addContentTypeParser(ndjson, (_request, payload, done) => done(null, payload));
  server.get('/api/v1/registry/export', { config: { action: 'DISCOVER' } }, (_request, reply) =>
    reply.type(ndjson).send(Readable.from(readOn(deps.registryTransfer.exported()))),
  );
  server.post('/api/v1/registry/import', { config: { action: 'REGISTER' } }, (request, reply) => {
    const body = streamOf(request.body);
    if (body === null)
      throw new LinewardError('BAD_INPUT', `Send the lines of an export as ${ndjson}.`, {
        path: ['content-type'],
      });
    const answers = deps.registryTransfer.imported(request.actor, wholeLinesOf(body, lineCharsMax));
    return reply.type(ndjson).send(Readable.from(printedLines(answers)));
  });
}
