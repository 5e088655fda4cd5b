import { directNamespace } from '../../domain/kafka/stream-name.ts';
import { textFault } from '../../domain/lake/lake-column.ts';
import { partitionOf, unknownDatePartition } from '../../domain/lake/table-location.ts';
import { faultsText } from '../../domain/registry/message.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { keysOf, type RunnableStream, type StreamReadModel } from '../kafka/stream.read-model.ts';
import type { ProtectionReadModel } from '../privacy/protection.read-model.ts';
import type { ProtectionService } from '../privacy/protection.service.ts';
import type { MessageGate } from '../registry/message-gate.ts';
import { type LandingService, misfitsOf } from './landing.service.ts';

export type TakenRecord =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Most records of one request. */
const intakeMax = 10_000;
const attemptsMax = 10;

export interface IntakeDeps {
  readonly streams: StreamReadModel;
  readonly gate: MessageGate;
  readonly policies: ProtectionReadModel;
  readonly protection: ProtectionService;
  readonly landing: LandingService;
}

/** A protected record and its place in the request. */
interface ReadyRecord {
  readonly index: number;
  readonly value: Readonly<Record<string, unknown>>;
}

/**
 * The way into the lake for those without Kafka: records are checked, protected and landed in one call, and on the
 * answer they are durable.
 */
export class IntakeService {
  readonly #deps: IntakeDeps;
  /** One request at a time per stream: positions of a stream are consecutive. */
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(deps: IntakeDeps) {
    this.#deps = deps;
  }

  /** Answers one result per record, in order. @throws LinewardError NOT_FOUND without an HTTP landing, LIMIT_EXCEEDED. */
  async take(entityId: string, records: readonly unknown[]): Promise<readonly TakenRecord[]> {
    if (records.length > intakeMax)
      throw new LinewardError('LIMIT_EXCEEDED', `records: at most ${intakeMax} in one request`, { path: ['records'] });
    const stream = await this.#deps.streams.directLanding(entityId, directNamespace);
    if (stream?.tableId == null) {
      throw new LinewardError(
        'NOT_FOUND',
        'The entity has no landing for records by HTTP; call createLakeLanding without sourceTopic first.',
      );
    }
    const check = await this.#deps.gate.checkFor(entityId);
    const dateField = await this.#deps.landing.dateFieldOf(stream.tableId);
    const results: TakenRecord[] = records.map((record) => {
      const faults = check.faults(record);
      if (faults.length > 0) return { ok: false, code: 'MESSAGE_INVALID', message: faultsText(faults) };
      const fault = placeFault(record as Record<string, unknown>, { ...stream, dateField });
      return fault === null ? { ok: true } : { ok: false, code: 'VALUE_INVALID', message: fault };
    });
    const plan = await this.#deps.policies.planOf(entityId, keysOf(stream));
    const fitting = records.flatMap((record, index) => (results[index]?.ok ? [{ record, index }] : []));
    const answers = await this.#deps.protection.protect(
      plan,
      fitting.map(({ record }) => record),
    );
    const ready: ReadyRecord[] = [];
    fitting.forEach(({ index }, position) => {
      const answer = answers[position];
      if (answer?.ok === true) ready.push({ index, value: answer.record });
      else
        results[index] = {
          ok: false,
          code: answer?.code ?? 'INTERNAL',
          message: `cannot be protected at ${answer?.path.join('.') ?? '?'}`,
        };
    });
    const misfits = await this.#inTurn(stream.id, () =>
      this.#land({ ...stream, tableId: stream.tableId ?? '' }, ready),
    );
    for (const { index, message } of misfits) results[index] = { ok: false, code: 'VALUE_INVALID', message };
    return results;
  }

  /** Lands what fits the table, and answers what does not. */
  async #land(
    stream: RunnableStream & { readonly tableId: string },
    ready: readonly ReadyRecord[],
  ): Promise<readonly { readonly index: number; readonly message: string }[]> {
    let landing = ready;
    const misfits: { index: number; message: string }[] = [];
    for (let attempt = 1; landing.length > 0; attempt += 1) {
      const start = BigInt((await this.#deps.landing.positionOf(stream.id, 0)) ?? '0');
      const records = landing.map(({ value }, place) => ({ offset: String(start + BigInt(place)), value }));
      try {
        await this.#deps.landing.land({
          streamId: stream.id,
          tableId: stream.tableId,
          topic: stream.source.name,
          partition: 0,
          records,
          nextOffset: String(start + BigInt(records.length)),
          accountField: stream.accountField,
          subjectFields: stream.subjectFields,
        });
        break;
      } catch (error) {
        const found = new Map(
          misfitsOf(error).map(({ offset, column, fault }) => [Number(BigInt(offset) - start), `${column} ${fault}`]),
        );
        misfits.push(
          ...landing.flatMap(({ index }, place) => {
            const message = found.get(place);
            return message === undefined ? [] : [{ index, message }];
          }),
        );
        landing = landing.filter((_, place) => !found.has(place));
        // Another process took these offsets for its own request: take the next ones.
        const isOvertaken = error instanceof LinewardError && error.code === 'LEASE_LOST' && attempt < attemptsMax;
        if (found.size === 0 && !isOvertaken) throw error;
      }
    }
    return misfits;
  }

  async #inTurn<T>(streamId: string, work: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(streamId) ?? Promise.resolve();
    const turn = before.then(work, work);
    this.#queues.set(streamId, turn);
    try {
      return await turn;
    } finally {
      if (this.#queues.get(streamId) === turn) this.#queues.delete(streamId);
    }
  }
}

/**
 * What keeps a record from being found again by its keys or its day, if anything. Looked for before protection, which asks
 * the database for the account; a sender is told, where a stream would land the record under no date.
 */
function placeFault(
  record: Readonly<Record<string, unknown>>,
  place: Pick<RunnableStream, 'accountField' | 'subjectFields'> & { readonly dateField: string },
): string | null {
  const { accountField, subjectFields, dateField } = place;
  for (const name of [accountField, ...subjectFields]) {
    const fault = textFault(record[name]);
    if (fault !== null) return `${name} ${fault}`;
  }
  const date = record[dateField] ?? null;
  const isUnread = date !== null && partitionOf(date) === unknownDatePartition;
  return isUnread ? `${dateField} is not a date or date-time of ISO 8601` : null;
}
