import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isBound } from '../domain/access/access-decision.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import type { CatalogReaders } from '../services/access/catalog-readers.ts';
import { answerAs, type Reader, readAs } from '../services/access/reader.ts';
import type { VisibleThings } from '../services/access/visible-things.ts';
import { topicNotMapped } from '../services/kafka/produce.service.ts';
import { graphqlPath } from './graphql-path.ts';

export interface Reading {
  readonly readers: CatalogReaders;
  readonly visibleThings: VisibleThings;
}

/** Whether the answer is what the catalog shows. What changes something sees all there is, and so does who reads the evidence. */
function shows({ method, routeOptions: { url, config } }: FastifyRequest): boolean {
  if (config.action === 'READ_AUDIT' || config.action === null) return false;
  if (config.action === 'READ_LAKE') return true;
  return method === 'GET' || method === 'HEAD' || url === graphqlPath || config.access?.action === 'READ';
}

/** From here on requests read as their actors may, and what their addresses name must be there for them. */
export function readByActor(server: FastifyInstance, { readers, visibleThings }: Reading): void {
  // After the body was read: who waits for a socket comes back as nobody.
  server.addHook('preValidation', (request, _reply, done) => {
    const { actor } = request;
    const go = (reader: Reader | null): void => (shows(request) ? answerAs(reader, actor?.id ?? null, done) : done());
    if (actor === undefined || !isBound(actor)) return go(null);
    const reader = readers.of(actor);
    const { topic, entity } = (request.params ?? {}) as Readonly<Record<string, string | undefined>>;
    if (topic === undefined && entity === undefined) return go(reader);
    const { method } = request;
    const isProducing = request.routeOptions.config.action === 'PRODUCE';
    readAs(reader, async () => {
      if (topic !== undefined && (await visibleThings.isTopicHidden(topic)))
        throw method === 'GET' ? new LinewardError('NOT_FOUND', 'There is no such topic.') : topicNotMapped();
      if (entity !== undefined && (await visibleThings.isEntityHidden(entity)))
        throw new LinewardError('NOT_FOUND', 'There is no such entity.', { path: ['entity'] });
      if (isProducing) await visibleThings.assertProducing(actor, { topic, entity });
    }).then(() => go(reader), done);
  });
}
