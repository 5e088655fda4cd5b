import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EntityManager } from '@mikro-orm/postgresql';
import { vi } from 'vitest';
import { newId } from '../../src/domain/id.ts';
import type { OperationStatus } from '../../src/domain/operations/status.ts';
import type { MappingRole } from '../../src/domain/operations/target.ts';
import {
  type Operation,
  OperationSchema,
  type OperationTarget,
  OperationTargetSchema,
} from '../../src/entities/operation.entity.ts';
import type { RequestErasure } from '../../src/services/operations/operation-request.service.ts';
import { tester } from './actor.ts';
import { testDatabase } from './database.ts';
import { FakeExecutor } from './fake-executor.ts';
import { type OperationParts, operationParts } from './operation-parts.ts';

export interface SeededPlace {
  readonly name: string;
  readonly datasetId: string;
}
export interface Seed {
  readonly entityId: string;
  readonly accountId: string;
  readonly places: readonly SeededPlace[];
}

/** Keys that seeded places have. */
const placeKeys = { accountField: 'account_sid', subjectFields: ['to'] } as const;

async function insertDataset(em: EntityManager, label: string): Promise<SeededPlace> {
  const place = { name: `${label}-${randomBytes(5).toString('hex')}`, datasetId: newId() };
  await em.execute(`insert into dataset (id, namespace, name, created_at) values (?, 'test', ?, now())`, [
    place.datasetId,
    place.name,
  ]);
  return place;
}

/** An entity with one mapped place for each role; each place is derived from the one before when `chained`. */
export async function seedPlaces(
  { em }: { readonly em: EntityManager },
  roles: readonly MappingRole[] = ['LAKE_TABLE'],
  options: { readonly chained?: boolean } = {},
): Promise<Seed> {
  const run = em.fork();
  const entityId = newId();
  const name = `E${entityId.replaceAll('-', '')}`;
  await run.execute(
    `insert into entity (id, namespace, name, catalog_namespace, created_at, updated_at)
     values (?, 'Demo', ?, 'c', now(), now())`,
    [entityId, name],
  );
  const places: SeededPlace[] = [];
  for (const role of roles) {
    const place = await insertDataset(run, `place${places.length}`);
    places.push(place);
    await mapPlace({ em }, { entityId, role, datasetId: place.datasetId });
  }
  if (options.chained === true) {
    for (const [index, place] of places.slice(1).entries()) await deriveFrom(run, places[index], place);
  }
  return { entityId, accountId: `AC${randomBytes(8).toString('hex')}`, places };
}

export async function mapPlace(
  { em }: { readonly em: EntityManager },
  mapping: {
    readonly entityId: string;
    readonly datasetId: string;
    readonly role: MappingRole;
    readonly accountField?: string;
    readonly subjectFields?: readonly string[];
  },
): Promise<void> {
  const { accountField = placeKeys.accountField, subjectFields = placeKeys.subjectFields } = mapping;
  await em.fork().execute(
    `insert into mapping (id, entity_id, dataset_id, role, account_field, subject_fields, created_at)
     values (?, ?, ?, ?, ?, ?::text[], now())`,
    [newId(), mapping.entityId, mapping.datasetId, mapping.role, accountField, `{${subjectFields.join(',')}}`],
  );
}

async function deriveFrom(em: EntityManager, from: SeededPlace | undefined, to: SeededPlace): Promise<void> {
  await em.execute(
    `insert into lineage_edge (id, source_dataset_id, target_dataset_id, job, valid_from) values (?, ?, ?, 'copy', now())`,
    [newId(), from?.datasetId, to.datasetId],
  );
}

/** A dataset that gets data from `from` and that no entity is mapped to. */
export async function deriveUnmapped({ em }: { readonly em: EntityManager }, from: SeededPlace): Promise<SeededPlace> {
  const run = em.fork();
  const place = await insertDataset(run, 'unmapped');
  await deriveFrom(run, from, place);
  return place;
}

/** What tests ask of operations, over running parts. */
export class OperationsUser {
  readonly #parts: OperationParts;

  constructor(parts: OperationParts) {
    this.#parts = parts;
  }

  request(seed: Seed, input: Partial<RequestErasure> = {}): Promise<Operation> {
    const subjects = [{ accountId: seed.accountId }];
    return this.#parts.requests.requestErasure(tester, { subjects, entityId: seed.entityId, ...input });
  }

  /** Waits until the operation has one of the statuses. */
  reaches(id: string, ...statuses: readonly OperationStatus[]): Promise<Operation> {
    return vi.waitFor(
      async () => {
        const operation = await this.#parts.em.fork().findOneOrFail(OperationSchema, { id });
        if (!statuses.includes(operation.status)) {
          const { status, statusReason } = operation;
          throw new Error(`the operation is ${status} (${statusReason ?? 'no reason'}), not ${statuses.join(' or ')}`);
        }
        return operation;
      },
      { timeout: 25_000, interval: 25 },
    );
  }

  /** Approves the plan as it is, once there is one. */
  async approve(id: string): Promise<Operation> {
    const { planHash: hash } = await this.reaches(id, 'PLANNED');
    return this.#parts.service.approveOperation(tester, { id, planHash: hash ?? '' });
  }

  /** Request, plan, approve; answers the operation at its end. */
  async erase(seed: Seed, input: Partial<RequestErasure> = {}): Promise<Operation> {
    const { id } = await this.request(seed, input);
    await this.approve(id);
    return this.ended(id);
  }

  ended(id: string): Promise<Operation> {
    return this.reaches(id, 'COMPLETED', 'PARTIAL', 'BLOCKED', 'FAILED', 'CANCELLED');
  }

  targets({ id, round }: Operation): Promise<readonly OperationTarget[]> {
    return this.#parts.em
      .fork()
      .find(OperationTargetSchema, { operationId: id, round }, { orderBy: { sequence: 'asc', id: 'asc' } });
  }

  async certificates(operationId: string) {
    const rows = await this.#parts.em
      .fork()
      .execute<{ body: string; signature: string; public_key: string; round: number }[]>(
        'select * from certificate where operation_id = ? order by round',
        [operationId],
      );
    return rows.map(({ body, signature, public_key, round }) => {
      return { round, text: body, body: JSON.parse(body), signature, publicKey: public_key };
    });
  }

  async auditActions(resourceId: string): Promise<readonly string[]> {
    const page = await this.#parts.audit.auditEvents({ first: 100 }, { resourceId });
    return page.items.map((event) => event.action).reverse();
  }
}

export type OperationsLane = Awaited<ReturnType<typeof operationsLane>>;

/** Operations with their workers running on a database of their own, over fake executors. */
export async function operationsLane() {
  const db = await testDatabase();
  const keyDir = await mkdtemp(join(tmpdir(), 'lineward-operations-'));
  const lake = new FakeExecutor('LAKE_TABLE');
  const topic = new FakeExecutor('TOPIC');
  const parts = await operationParts({ em: db.em, url: db.url, keyDir, executors: [lake, topic] });
  await parts.start();
  return {
    ...parts,
    url: db.url,
    lake,
    topic,
    user: new OperationsUser(parts),
    async close(): Promise<void> {
      await parts.stop();
      await db.close();
      await rm(keyDir, { recursive: true, force: true });
    },
  };
}
