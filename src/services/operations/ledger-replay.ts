import { setImmediate } from 'node:timers/promises';
import type { EntityManager } from '@mikro-orm/postgresql';
import { ledgerActor } from '../../domain/access/actor.ts';
import type { SubjectSelector } from '../../domain/governance/selection.ts';
import type { TargetPlace } from '../../domain/operations/target.ts';
import { audit } from '../audit/audit.service.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';
import type { OperationRequestService } from './operation-request.service.ts';
import { type MappedPlace, onePerDataset } from './planned-targets.ts';
import type { ErasureJournal, Notary, SubjectScanner } from './ports.ts';

const subjectsPerRequest = 10_000;
/** Subjects between two turns of the event loop. */
const subjectsPerTurn = 2_000;
const digestsPerRead = 50_000;

/** Erased subjects by keyed digest, each with the entities whose places it was erased from; null: from all. */
type Erased = ReadonlyMap<string, ReadonlySet<string | null>>;

export interface ReplayOutcome {
  /** Different digests of what was erased. */
  readonly erased: number;
  /** Subjects of those whose data is there again. */
  readonly found: number;
  readonly operations: readonly string[];
  /** What could not be looked through. */
  readonly gaps: readonly string[];
}

/**
 * Looks for data of subjects that were erased before: restored from a backup, replayed, or late. The ledger knows them by keyed
 * digest alone, so each subject that a place names is digested and looked up. What is found is requested anew, as erasures with a
 * plan that a person approves: somebody may have come back as a customer since.
 */
export class LedgerReplay {
  readonly #em: EntityManager;
  readonly #registry: Pick<RegistryReadModel, 'allEntityIds' | 'placesOf'>;
  readonly #notary: Pick<Notary, 'digest'>;
  readonly #journal: Pick<ErasureJournal, 'entries'>;
  readonly #requests: Pick<OperationRequestService, 'requestErasure'>;
  readonly #scanners: readonly SubjectScanner[];

  constructor(deps: {
    readonly em: EntityManager;
    readonly registry: Pick<RegistryReadModel, 'allEntityIds' | 'placesOf'>;
    readonly notary: Pick<Notary, 'digest'>;
    readonly journal: Pick<ErasureJournal, 'entries'>;
    readonly requests: Pick<OperationRequestService, 'requestErasure'>;
    readonly scanners: readonly SubjectScanner[];
  }) {
    this.#em = deps.em;
    this.#registry = deps.registry;
    this.#notary = deps.notary;
    this.#journal = deps.journal;
    this.#requests = deps.requests;
    this.#scanners = deps.scanners;
  }

  /** Again under the same `runId` it makes no second operation. */
  async run(runId: string, signal: AbortSignal): Promise<ReplayOutcome> {
    const erased = await this.#erased();
    const found = new Map<string | null, Map<string, SubjectSelector>>();
    const gaps: string[] = [];
    if (erased.size > 0) {
      const places = await this.#registry.placesOf(await this.#registry.allEntityIds());
      for (const place of onePerDataset(places).merged) {
        const entities = places
          .filter(({ dataset }) => dataset.id === place.dataset.id)
          .map(({ mapping }) => mapping.entityId);
        gaps.push(...(await this.#search(place, { erased, entities, found, signal })));
      }
    }
    const operations = await this.#request(runId, found);
    const subjects = [...found.values()].reduce((sum, ofEntity) => sum + ofEntity.size, 0);
    const outcome = { erased: erased.size, found: subjects, operations, gaps };
    await this.#em.fork().transactional(async (tx) => {
      audit(tx, ledgerActor, {
        action: 'replayErasureLedger',
        resourceType: 'ErasureLedger',
        resourceId: runId,
        details: { ...outcome, gaps: gaps.slice(0, 100) },
      });
    });
    return outcome;
  }

  async #search(
    { mapping, dataset }: MappedPlace,
    work: {
      readonly erased: Erased;
      readonly entities: readonly string[];
      readonly found: Map<string | null, Map<string, SubjectSelector>>;
      readonly signal: AbortSignal;
    },
  ): Promise<readonly string[]> {
    const { erased, entities, found, signal } = work;
    const scanner = this.#scanners.find(({ role }) => role === mapping.role);
    if (scanner === undefined) return [`${dataset.name}: this installation cannot look through a ${mapping.role}`];
    const { accountField, subjectFields, role } = mapping;
    const names = { namespace: dataset.namespace, name: dataset.name };
    const place: TargetPlace = { targetId: '', datasetId: dataset.id, ...names, role, accountField, subjectFields };
    let seen = 0;
    const gaps: string[] = [];
    for await (const one of scanner.subjectsIn(place, signal)) {
      if (typeof one === 'string') {
        gaps.push(`${dataset.name}: ${one}`);
        continue;
      }
      seen += 1;
      if (seen % subjectsPerTurn === 0) await setImmediate();
      const digest = this.#notary.digest(one);
      const scopes = erased.get(digest);
      if (scopes === undefined) continue;
      for (const scope of scopes)
        if (scope === null || entities.includes(scope))
          found.set(scope, (found.get(scope) ?? new Map<string, SubjectSelector>()).set(digest, one));
    }
    return gaps;
  }

  /** What the database knows, and what only the journal does, since the database was restored from before it. */
  async #erased(): Promise<Erased> {
    const erased = new Map<string, Set<string | null>>();
    const add = (digest: string, entityId: string | null) =>
      erased.set(digest, (erased.get(digest) ?? new Set<string | null>()).add(entityId));
    let after = '';
    for (;;) {
      const rows = await this.#em.fork().execute<{ id: string; digest: string; entity_id: string | null }[]>(
        `select s.id, s.digest, o.entity_id from operation_subject s join operation o on o.id = s.operation_id
         where o.kind = 'ERASURE' and o.status = 'COMPLETED' and s.id > ? order by s.id limit ${digestsPerRead}`,
        [after],
      );
      for (const { digest, entity_id: entityId } of rows) add(digest, entityId);
      const last = rows.at(-1);
      if (last === undefined) break;
      after = last.id;
    }
    for await (const { digests, entityId } of this.#journal.entries())
      for (const digest of digests) add(digest, entityId);
    return erased;
  }

  async #request(
    runId: string,
    found: ReadonlyMap<string | null, ReadonlyMap<string, SubjectSelector>>,
  ): Promise<readonly string[]> {
    const operations: string[] = [];
    for (const [entityId, byDigest] of found) {
      // In one order, so that a run that was killed asks for the same again.
      const selectors = [...byDigest]
        .toSorted(([one], [other]) => (one < other ? -1 : 1))
        .map(([, selector]) => selector);
      for (let start = 0; start < selectors.length; start += subjectsPerRequest) {
        const { id } = await this.#requests.requestErasure(ledgerActor, {
          subjects: selectors.slice(start, start + subjectsPerRequest),
          reason: 'ledger replay: data of erased subjects is there again',
          idempotencyKey: `ledger-replay:${runId}:${entityId ?? 'all'}:${start}`,
          ...(entityId === null ? {} : { entityId }),
        });
        operations.push(id);
      }
    }
    return operations;
  }
}
