import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { newId } from '../../domain/id.ts';
import { readLocation } from '../../domain/lake/lake-location.ts';
import type { Partitioning } from '../../domain/lake/partitioning.ts';
import type { Logger } from '../../domain/logger.ts';
import { type LakeRegistration, LakeRegistrationSchema } from '../../entities/lake-registration.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { JobScheduler } from '../../jobs/kit.ts';
import { profileTableJob } from '../../jobs/profile-table.job.ts';
import { audit } from '../audit/audit.service.ts';
import { ensureAlive, type NeededTask } from '../operations/needed-task.ts';
import { assertKeyFields } from '../registry/registry.service.ts';
import { foreignTableEngine, foreignTableReason } from './foreign-table.ts';
import type { LakeStore } from './ports.ts';
import { tableAt, taken } from './table-places.ts';

export interface RegisterLakeTable {
  readonly entityId: string;
  /** Path below the root of the lake, or a URL under the lake's. */
  readonly location: string;
  readonly accountField: string;
  readonly subjectFields: readonly string[];
  readonly dateField: string | null;
  /** Null: as most files have it. */
  readonly partitioning: Partitioning | null;
  /** Only look. */
  readonly dryRun: boolean;
  /** Register also with files that cannot be read; operations list them as open. */
  readonly acceptUnreadable: boolean;
}

const sweepMax = 100;
const fieldsMax = 100;

/**
 * Takes requests to register tables that others wrote. What can be told at once is refused at once; looking at all files is a
 * task, which tells in the row how far it is.
 */
export class TableRegistrationService {
  readonly #em: EntityManager;
  readonly #store: LakeStore;
  readonly #scheduler: JobScheduler;
  readonly #logger: Logger;

  constructor(deps: {
    readonly em: EntityManager;
    readonly store: LakeStore;
    readonly scheduler: JobScheduler;
    readonly logger: Logger;
  }) {
    this.#em = deps.em;
    this.#store = deps.store;
    this.#scheduler = deps.scheduler;
    this.#logger = deps.logger;
  }

  async register(actor: Actor, input: RegisterLakeTable): Promise<LakeRegistration> {
    const location = readLocation(input.location, this.#store.url);
    if (input.subjectFields.length > fieldsMax)
      throw new LinewardError('LIMIT_EXCEEDED', `subjectFields: at most ${fieldsMax}`, { path: ['subjectFields'] });
    await this.#assertFree(location);
    const registration = await this.#em.fork().transactional(async (tx) => {
      await assertKeyFields(tx, input);
      const now = new Date();
      const row = tx.create(LakeRegistrationSchema, {
        ...input,
        id: newId(),
        location,
        subjectFields: [...new Set(input.subjectFields)],
        status: 'PROFILING',
        filesDone: 0,
        filesTotal: 0,
        requestedBy: actor.id,
        attempt: 0,
        createdAt: now,
        updatedAt: now,
      });
      tx.persist(row);
      audit(tx, actor, {
        action: 'registerLakeTable',
        resourceType: 'LakeRegistration',
        resourceId: row.id,
        details: { entityId: input.entityId, location, dryRun: input.dryRun },
      });
      return row;
    });
    await this.#ensureAlive(registration);
    return registration;
  }

  /** Takes up what has no living task: the outbox reader. */
  async sweep(): Promise<void> {
    const open = await this.#em
      .fork()
      .find(LakeRegistrationSchema, { status: 'PROFILING' }, { orderBy: { id: 'asc' }, limit: sweepMax });
    for (const registration of open) await this.#ensureAlive(registration);
  }

  async #assertFree(location: string): Promise<void> {
    const known = await tableAt(this.#em.fork(), location);
    if (known !== null) throw taken(location, known);
    const content = await this.#store.look(location, 1);
    if (content.folders.length + content.files.length === 0 && content.complete)
      throw new LinewardError('LAKE_TABLE_EMPTY', `location: there is nothing at ${location}`, { path: ['location'] });
    const engine = await foreignTableEngine(this.#store, location);
    if (engine === null) return;
    const reason = `location: ${foreignTableReason(engine, location)}`;
    throw new LinewardError('LAKE_TABLE_REFUSED', reason, { path: ['location'] });
  }

  async #ensureAlive({ id, attempt }: LakeRegistration): Promise<void> {
    const task: NeededTask = {
      job: profileTableJob,
      table: 'lake_registration',
      rowId: id,
      attempt,
      idOf: (number) => `${id}.${profileTableJob.name}.${number}`,
      send: (taskId) => this.#scheduler.enqueue(profileTableJob, taskId, { registrationId: id }),
    };
    await ensureAlive({ em: this.#em, scheduler: this.#scheduler }, task).catch((error: unknown) => {
      this.#logger.warn({ registrationId: id, error }, 'a task could not be enqueued');
    });
  }
}
