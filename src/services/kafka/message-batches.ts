import type { KafkaGateway, KafkaMessage, ScanRange } from './ports.ts';

const messagesAtOnce = 500;

/** Scans a topic by batches, which may hold messages of several partitions, each in its order. */
export async function scanBatches(
  kafka: Pick<KafkaGateway, 'scan'>,
  topic: string,
  each: (messages: readonly KafkaMessage[]) => Promise<void>,
  options: { readonly signal?: AbortSignal; readonly within?: ScanRange },
): Promise<void> {
  let gathered: KafkaMessage[] = [];
  // Partitions are read side by side: a batch is handed over whole, and the next one gathers meanwhile.
  let handing: Promise<void> = Promise.resolve();
  const hand = (): Promise<void> => {
    const batch = gathered;
    gathered = [];
    handing = handing.then(() => (batch.length === 0 ? undefined : each(batch)));
    return handing;
  };
  const add = (message: KafkaMessage): void | Promise<void> => {
    gathered.push(message);
    if (gathered.length >= messagesAtOnce) return hand();
  };
  await kafka.scan(topic, add, options.signal, options.within);
  await hand();
}
