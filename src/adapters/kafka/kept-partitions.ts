import kafkajs, { type ICustomPartitioner, type Message } from 'kafkajs';

/**
 * kafkajs chooses partitions anew with each try of a send, and those of messages without a key at random: what a partition
 * has taken would be left out, or written again elsewhere. Here a message keeps the partition of its first try.
 */
export const keptPartitions: ICustomPartitioner = () => {
  const choose = kafkajs.Partitioners.DefaultPartitioner();
  const chosen = new WeakMap<Message, number>();
  return (args) => {
    const { message } = args;
    const known = message.partition ?? chosen.get(message);
    if (known !== undefined) return known;
    const partition = choose(args);
    chosen.set(message, partition);
    return partition;
  };
};
