import { LinewardError } from '../../errors/lineward-error.ts';
import type { KafkaGateway } from '../../services/kafka/ports.ts';

const refuse = async (): Promise<never> => {
  throw new LinewardError('KAFKA_NOT_CONFIGURED');
};

/** Stands in where KAFKA_BROKERS is not set, so that the rest of the product runs without Kafka. */
export class UnconfiguredGateway implements KafkaGateway {
  readonly configured = false;
  readonly ping = refuse;
  readonly ensureTopic = refuse;
  readonly describeTopic = refuse;
  readonly offsets = refuse;
  readonly committed = refuse;
  readonly produce = refuse;
  readonly scan = refuse;
  readonly transformStream = refuse;
  readonly readStream = refuse;
  readonly topics = {
    groupsOn: refuse,
    hasMembers: refuse,
    fenceStream: refuse,
    moveStream: refuse,
    offsetsAt: refuse,
    commitOffsets: refuse,
    configureTopic: refuse,
    deleteRecords: refuse,
    deleteTopic: refuse,
    deleteGroup: refuse,
  };
  readonly cluster = {
    describe: refuse,
    settings: refuse,
    changeSettings: refuse,
    sizes: refuse,
    ranges: refuse,
    groups: refuse,
    describeGroups: refuse,
  };

  async close(): Promise<void> {
    // Nothing was opened.
  }
}
