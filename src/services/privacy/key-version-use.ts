import type { EntityManager } from '@mikro-orm/postgresql';
import type { AccountKeyRow } from '../../entities/account-key.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { Notary } from '../operations/ports.ts';
import type { RegistryReadModel } from '../registry/registry.read-model.ts';

/**
 * What was encrypted just before a version retired comes to its place later: streams and landings write in batches and
 * transactions, and the clocks of hosts differ. What was re-encrypted sooner after it proves nothing.
 */
const settleMs = 5 * 60_000;
/** Places that are named; more are counted. */
const namedMax = 20;

/** Says whether a version of a key is needed any more: by the key's own life, and by the places that may hold its envelopes. */
export class KeyVersionUse {
  readonly #em: EntityManager;
  readonly #registry: RegistryReadModel;
  readonly #notary: Pick<Notary, 'digest'>;

  constructor(deps: {
    readonly em: EntityManager;
    readonly registry: RegistryReadModel;
    readonly notary: Pick<Notary, 'digest'>;
  }) {
    this.#em = deps.em;
    this.#registry = deps.registry;
    this.#notary = deps.notary;
  }

  /**
   * The REWRAP by which every mapped place is free of the version; null where nothing is mapped.
   * @throws LinewardError KEY_IN_USE with what may need it, and what to do.
   */
  async assertUnneeded(key: AccountKeyRow): Promise<string | null> {
    if (key.state !== 'RETIRED' || key.retiredAt == null)
      throw inUse(`version ${key.version} is ${key.state}, and only one that RETIRED can go by itself: rotate the key`);
    const places = await this.#registry.placesOf(await this.#registry.allEntityIds());
    if (places.length === 0) return null;
    const since = new Date(key.retiredAt.getTime() + settleMs);
    const proof = await this.#rewrapSince(key.accountId, since);
    const free = proof === null ? new Set<string>() : await this.#verifiedIn(proof);
    const open = places.filter(({ dataset }) => !free.has(dataset.id));
    const names = [...new Set(open.map(({ dataset }) => dataset.name))];
    if (names.length > 0) throw inUse(reasonOf(names, { version: key.version, since, proof }));
    return proof;
  }

  /** The newest REWRAP of all places, of this account or of everybody, that found and left nothing. */
  async #rewrapSince(accountId: string, since: Date): Promise<string | null> {
    const [found] = await this.#em.fork().execute<{ id: string }[]>(
      `select o.id from operation o
       where o.kind = 'REWRAP' and o.status = 'COMPLETED' and o.entity_id is null and o.dataset_ids is null
         and o.created_at >= ?
         and (not exists (select 1 from operation_subject s where s.operation_id = o.id)
              or exists (select 1 from operation_subject s where s.operation_id = o.id and s.digest = ?))
       order by o.created_at desc, o.id limit 1`,
      [since, this.#notary.digest({ accountId })],
    );
    return found?.id ?? null;
  }

  async #verifiedIn(operationId: string): Promise<ReadonlySet<string>> {
    const rows = await this.#em.fork().execute<{ dataset_id: string }[]>(
      `select t.dataset_id from operation_target t join operation o on o.id = t.operation_id and o.round = t.round
       where t.operation_id = ? and t.status = 'VERIFIED'`,
      [operationId],
    );
    return new Set(rows.map((row) => row.dataset_id));
  }
}

function reasonOf(
  names: readonly string[],
  { version, since, proof }: { readonly version: number; readonly since: Date; readonly proof: string | null },
): string {
  const more = names.length > namedMax ? ` and ${names.length - namedMax} more` : '';
  const which = `${names.slice(0, namedMax).join(', ')}${more} may hold envelopes under version ${version}`;
  const why =
    proof === null
      ? `no REWRAP of all places that was requested since ${since.toISOString()} is COMPLETED`
      : `operation ${proof} did not reach what was mapped since`;
  return `${which}: ${why}; let a requestRewrap without entityId and datasetIds be COMPLETED first`;
}

function inUse(reason: string): LinewardError {
  return new LinewardError('KEY_IN_USE', reason, { path: ['keyVersion'] });
}
