import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { assertText, type SubjectSelector } from '../../domain/governance/selection.ts';
import { newId } from '../../domain/id.ts';
import type { Operation } from '../../entities/operation.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { reasonCharsMax } from './operation.service.ts';
import type { OperationDriver } from './operation-driver.ts';
import { assertEntity, insertOperation, operationOfKey } from './operation-insert.ts';
import { idempotencyKeyCharsMax } from './operation-request.service.ts';
import type { Notary } from './ports.ts';

export interface ErasureIntakeRequest {
  /** Names the request over several attempts to send it. */
  readonly key: string;
  readonly entityId?: string | undefined;
  readonly reason?: string | undefined;
  readonly dryRun: boolean;
  readonly urgent: boolean;
}

export interface ErasureIntakeResult {
  readonly operation: Operation;
  /** Different subjects of the operation. */
  readonly subjects: number;
  /** Lines of this stream that named a subject which was named before. */
  readonly repeated: number;
}

/** Most subjects of one operation. */
const subjectsMax = 1_000_000;
const rowsPerInsert = 2_000;

/**
 * Takes an erasure of very many subjects from a stream. What has arrived is kept in the database under the request's key, so
 * that a stream that broke off is continued by sending the rest, or all of it again; at the end of a stream all that was
 * kept becomes one operation. Leftovers go after a day.
 */
export class ErasureIntakeService {
  readonly #em: EntityManager;
  readonly #driver: Pick<OperationDriver, 'advance'>;
  readonly #notary: Notary;

  constructor(deps: {
    readonly em: EntityManager;
    readonly driver: Pick<OperationDriver, 'advance'>;
    readonly notary: Notary;
  }) {
    this.#em = deps.em;
    this.#driver = deps.driver;
    this.#notary = deps.notary;
  }

  /**
   * @throws LinewardError BAD_INPUT, LIMIT_EXCEEDED beyond a million subjects, NOT_FOUND for the entity,
   * IDEMPOTENCY_MISMATCH when the key stands for another request; what `subjects` throws ends the intake, and then nothing
   * is requested.
   */
  async take(
    actor: Actor,
    request: ErasureIntakeRequest,
    subjects: AsyncIterable<SubjectSelector>,
  ): Promise<ErasureIntakeResult> {
    assertText(request.key, ['key'], idempotencyKeyCharsMax);
    if (request.reason !== undefined) assertText(request.reason, ['reason'], reasonCharsMax);
    await assertEntity(this.#em.fork(), request.entityId);
    let [lines, added] = [0, 0];
    let batch: SubjectSelector[] = [];
    const keep = async (): Promise<void> => {
      added += await this.#keep(intakeOf(actor, request.key), batch);
      batch = [];
    };
    for await (const selector of subjects) {
      lines += 1;
      batch.push(selector);
      if (batch.length >= rowsPerInsert) await keep();
    }
    await keep();
    const { operation, count } = await this.#request(actor, request);
    await this.#driver.advance(operation.id);
    return { operation, subjects: count, repeated: lines - added };
  }

  async #keep(intake: string, selectors: readonly SubjectSelector[]): Promise<number> {
    if (selectors.length === 0) return 0;
    const rows = selectors.map((selector) => ({
      id: newId(),
      digest: this.#notary.digest(selector),
      account_id: selector.accountId,
      subject_field: selector.subject?.field ?? null,
      subject_value: selector.subject?.value ?? null,
    }));
    const kept = await this.#em.fork().execute<unknown[]>(
      `insert into erasure_intake (key, id, digest, account_id, subject_field, subject_value, taken_at)
       select ?, id, digest, account_id, subject_field, subject_value, now()
       from jsonb_to_recordset(?::jsonb)
         as row (id text, digest text, account_id text, subject_field text, subject_value text)
       on conflict do nothing returning 1`,
      [intake, JSON.stringify(rows)],
    );
    return kept.length;
  }

  async #request(actor: Actor, request: ErasureIntakeRequest): Promise<{ operation: Operation; count: number }> {
    const { key, entityId, reason, dryRun, urgent } = request;
    const intake = intakeOf(actor, key);
    return this.#em.fork().transactional(async (tx) => {
      const [kept] = await tx.execute<{ count: string; digest: string | null }[]>(
        `select count(*) as count, encode(sha256(string_agg(digest, ',' order by digest)::bytea), 'hex') as digest
         from erasure_intake where key = ?`,
        [intake],
      );
      const count = Number(kept?.count ?? 0);
      if (count === 0) throw new LinewardError('BAD_INPUT', 'The stream names no account or subject.');
      if (count > subjectsMax)
        throw new LinewardError(
          'LIMIT_EXCEEDED',
          `At most ${subjectsMax} subjects in one request; send more under another key.`,
        );
      const inputDigest = this.#notary.digest({
        intake: kept?.digest,
        entityId: entityId ?? null,
        reason: reason ?? null,
        dryRun,
        ...(urgent && { urgent }),
      });
      const known = await operationOfKey(tx, key, inputDigest);
      const operation =
        known ??
        (await insertOperation(
          tx,
          actor,
          { kind: 'ERASURE', inputDigest, approvalsNeeded: 1, entityId, reason, idempotencyKey: key, dryRun, urgent },
          async (operationId) => {
            await tx.execute(
              `insert into operation_subject (id, operation_id, account_id, subject_field, subject_value, digest, held)
               select id, ?, account_id, subject_field, subject_value, digest, false from erasure_intake where key = ?`,
              [operationId, intake],
            );
            return count;
          },
        ));
      await tx.execute('delete from erasure_intake where key = ?', [intake]);
      return { operation, count };
    });
  }
}

/** What one actor sent under a key. Nobody adds to what another requests, and then approves it. */
const intakeOf = (actor: Actor, key: string): string => JSON.stringify([actor.id, key]);
