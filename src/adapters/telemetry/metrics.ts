import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';

/** Metrics of this process. Labels are names of code (listener, route, method, status), never data. */
export class Metrics {
  readonly registry = new Registry();
  readonly #requests: Histogram<'listener' | 'method' | 'route' | 'status'>;

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    this.#requests = new Histogram({
      name: 'lineward_http_request_duration_seconds',
      help: 'Time from request to response, seconds.',
      labelNames: ['listener', 'method', 'route', 'status'],
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
      registers: [this.registry],
    });
  }

  request(facts: { listener: string; method: string; route: string; status: number; seconds: number }): void {
    const { seconds, status, ...labels } = facts;
    this.#requests.observe({ ...labels, status: String(status) }, seconds);
  }
}
