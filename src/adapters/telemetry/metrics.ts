import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { StreamMetric } from '../../domain/kafka/stream-report.ts';

/** Metrics of this process. Labels are names of code (listener, route, method, status) and ids of streams, never data. */
export class Metrics {
  readonly #registry = new Registry();
  #beforeScrape: () => Promise<void> = async () => undefined;
  readonly #requests: Histogram<'listener' | 'method' | 'route' | 'status'>;

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
    this.#requests = new Histogram({
      name: 'lineward_http_request_duration_seconds',
      help: 'Time from request to response, seconds.',
      labelNames: ['listener', 'method', 'route', 'status'],
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
      registers: [this.#registry],
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  async metrics(): Promise<string> {
    await this.#beforeScrape();
    return this.#registry.metrics();
  }

  request(facts: { listener: string; method: string; route: string; status: number; seconds: number }): void {
    const { seconds, status, ...labels } = facts;
    this.#requests.observe({ ...labels, status: String(status) }, seconds);
  }

  /** `read` is asked with each scrape. */
  streams(read: () => Promise<readonly StreamMetric[]>): void {
    const registers = [this.#registry];
    const records = new Counter({
      name: 'lineward_stream_records_total',
      help: 'Records that this process carried: passed to the target, or set aside with a notice in the dead-letter topic.',
      labelNames: ['stream', 'outcome'],
      registers,
    });
    const bytes = new Counter({
      name: 'lineward_stream_bytes_total',
      help: 'Bytes of keys and values that this process read for a stream.',
      labelNames: ['stream'],
      registers,
    });
    const lag = new Gauge({
      name: 'lineward_stream_lag_records',
      help: 'Offsets that are not yet read in the partitions that this process has.',
      labelNames: ['stream'],
      registers,
    });
    const failing = new Gauge({
      name: 'lineward_stream_failing',
      help: '1 while this process cannot go on with the stream, else 0.',
      labelNames: ['stream'],
      registers,
    });
    this.#beforeScrape = async () => {
      const streams = await read();
      for (const metric of [records, bytes, lag, failing]) metric.reset();
      for (const { streamId: stream, work, hasFault, lag: behind } of streams) {
        records.inc({ stream, outcome: 'passed' }, work.passed);
        records.inc({ stream, outcome: 'set_aside' }, work.setAside);
        bytes.inc({ stream }, work.bytes);
        if (behind !== null) lag.set({ stream }, behind);
        failing.set({ stream }, hasFault ? 1 : 0);
      }
    };
  }
}
