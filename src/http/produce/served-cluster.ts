import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { KafkaCluster } from '../../services/kafka/ports.ts';

const addressSchema = z.object({ cluster: z.string() });

/** The one cluster that there is, by its id, which never changes: asked for once, and again after a failure. */
export class ServedCluster {
  readonly #cluster: Pick<KafkaCluster, 'describe'>;
  #id: Promise<string> | null = null;

  constructor(cluster: Pick<KafkaCluster, 'describe'>) {
    this.#cluster = cluster;
  }

  id(): Promise<string> {
    this.#id ??= this.#ask().catch((error: unknown) => {
      this.#id = null;
      throw error;
    });
    return this.#id;
  }

  /** The id in the address; null, and an answer to that, where it is that of no cluster. */
  async named(request: FastifyRequest, reply: FastifyReply): Promise<string | null> {
    const { cluster } = addressSchema.parse(request.params);
    if (cluster === (await this.id())) return cluster;
    const message = 'There is no such cluster; GET /v3/clusters names the one that is there.';
    await reply.status(404).send({ error_code: 404, message });
    return null;
  }

  async #ask(): Promise<string> {
    const { clusterId } = await this.#cluster.describe([]);
    if (clusterId === null) throw new LinewardError('KAFKA_UNAVAILABLE');
    return clusterId;
  }
}
