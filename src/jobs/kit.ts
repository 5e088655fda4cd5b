import { z } from 'zod';
import type { Logger } from '../domain/logger.ts';
import { LinewardError } from '../errors/lineward-error.ts';

/** What one kind of task is: its name, where it queues, what it carries and how it is tried again. */
export interface JobContract<Payload, Progress> {
  readonly name: string;
  readonly queue: string;
  /** Ids and numbers only: payloads lie in Redis or PostgreSQL in the clear. */
  readonly payload: z.ZodType<Payload>;
  readonly progress: z.ZodType<Progress>;
  /** Runs in all, the first included. */
  readonly attempts: number;
  /** Wait before the second run; doubles with each further one. Milliseconds. */
  readonly backoffMs: number;
}

export function defineJob<Payload, Progress>(contract: JobContract<Payload, Progress>): JobContract<Payload, Progress> {
  return Object.freeze(contract);
}

/** An id in a payload: a UUID, so that nothing else can slip in. */
export const idInPayload = z.uuid();

/** What a processor gets for one run. */
export interface JobRun<Payload, Progress> {
  readonly payload: Payload;
  /** 1 for the first run. */
  readonly attempt: number;
  /** True when no further run follows a failure of this one. */
  readonly isLastAttempt: boolean;
  /** Aborted when the process stops or the task is cancelled; stop at the next safe point and throw CANCELLED. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  report(progress: Progress): Promise<void>;
}

/** A run as the queue hands it over, before anything is known about the payload. */
export interface RawJobRun {
  readonly id: string;
  readonly payload: unknown;
  readonly attempt: number;
  readonly isLastAttempt: boolean;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  report(progress: unknown): Promise<void>;
}

/** A contract with the work that fulfils it. */
export interface JobProcessor {
  readonly name: string;
  readonly queue: string;
  run(raw: RawJobRun): Promise<void>;
}

function parse<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(root)'}: ${issue.code}`);
  // Only places and rule names: a refused value may be the personal data that must not be here.
  throw new LinewardError('JOB_PAYLOAD_INVALID', `The ${what} does not fit: ${faults.join('; ')}.`);
}

/** The payload as the contract has it, checked before it is stored. */
export function payloadFor<Payload>(contract: JobContract<Payload, unknown>, payload: Payload): Payload {
  return parse(contract.payload, payload, `payload of ${contract.name}`);
}

/** Binds work to a contract: the payload is checked again on run, progress before it is published. */
export function implementJob<Payload, Progress>(
  contract: JobContract<Payload, Progress>,
  work: (run: JobRun<Payload, Progress>) => Promise<void>,
): JobProcessor {
  return {
    name: contract.name,
    queue: contract.queue,
    async run(raw) {
      const payload = parse(contract.payload, raw.payload, `payload of ${contract.name}`);
      await work({
        payload,
        attempt: raw.attempt,
        isLastAttempt: raw.isLastAttempt,
        signal: raw.signal,
        logger: raw.logger.child({ job: contract.name, jobId: raw.id, attempt: raw.attempt }),
        report: async (progress) => raw.report(parse(contract.progress, progress, `progress of ${contract.name}`)),
      });
    },
  };
}

/** True for a fault that a further run may get past; an unforeseen one (INTERNAL) is given that chance too. */
export function isWorthAnotherRun(fault: LinewardError): boolean {
  return fault.spec.retryable || fault.code === 'INTERNAL';
}

/** True for a part that does not answer now: it is waited for, however long, and no attempt is used up. */
export function isAway(fault: LinewardError): boolean {
  return fault.spec.retryable && fault.spec.http === 503;
}

export type TaskState = 'WAITING' | 'ACTIVE' | 'COMPLETED' | 'FAILED' | 'MISSING';

/** How services put tasks in a queue. A second task with the id of a known one is ignored. */
export interface JobScheduler {
  enqueue<Payload>(contract: JobContract<Payload, unknown>, id: string, payload: Payload): Promise<void>;
  stateOf(contract: JobContract<never, unknown> | { readonly queue: string }, id: string): Promise<TaskState>;
}
