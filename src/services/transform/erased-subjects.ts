import type { EntityManager } from '@mikro-orm/postgresql';
import type { RecordContent } from '../../domain/kafka/record-content.ts';
import type { Notary } from '../operations/ports.ts';
import { textArray } from '../sql.ts';

/** Whose records they are, and which erasures reach them. */
export interface ErasableRecords {
  readonly entityIds: readonly string[];
  readonly datasetId: string;
  readonly accountField: string;
  readonly subjectFields: readonly string[];
  /**
   * The table that they are read from, null for none: an erasure that has been done there needs no help from here, and who came back
   * since stays.
   */
  readonly table: { readonly datasetId: string; readonly entityId: string } | null;
}

export interface DatedRecord {
  readonly record: RecordContent;
  /** When it was written, milliseconds. */
  readonly at: number;
}

/** Of records that are about nobody, or are shown and not kept. */
export const nobody: Pick<ErasedSubjects, 'among'> = { among: async (records) => records.map(() => false) };

/** Digests that are remembered: a person has many records. */
const digestsMax = 100_000;

/** Erasures that are to be kept, and whom they were about; holds keep what they name. */
const reaching = `o.kind = 'ERASURE' and not o.dry_run
  and o.status in ('APPROVED', 'EXECUTING', 'VERIFYING', 'COMPLETED', 'PARTIAL', 'BLOCKED', 'FAILED')
  and (o.entity_id is null or o.entity_id = any(?::text[]))
  and (o.dataset_ids is null or ? = any(o.dataset_ids))
  and not (?::text is not null and o.status = 'COMPLETED' and (o.entity_id is null or o.entity_id = ?)
    and (o.dataset_ids is null or ? = any(o.dataset_ids)))`;

/**
 * Which records are about somebody who was erased after they were written. A topic may keep them: its log is compacted late, or it
 * was out of reach. Operations forget whom they were about but for a keyed digest, by which a record is recognized. What is
 * written after an erasure is new, and comes in.
 */
export class ErasedSubjects {
  readonly #em: EntityManager;
  readonly #notary: Notary;
  readonly #records: ErasableRecords;
  readonly #digests = new Map<string, string>();
  #latest: Promise<number | null> | null = null;

  constructor(deps: { readonly em: EntityManager; readonly notary: Notary }, records: ErasableRecords) {
    this.#em = deps.em;
    this.#notary = deps.notary;
    this.#records = records;
  }

  /** True for each of them that must not come back. */
  async among(records: readonly DatedRecord[]): Promise<readonly boolean[]> {
    this.#latest ??= this.#latestErasure();
    const latest = await this.#latest;
    if (latest === null) return records.map(() => false);
    const names = records.map(({ record, at }) => (at > latest ? [] : this.#digestsOf(record)));
    const asked = [...new Set(names.flat())];
    if (asked.length === 0) return records.map(() => false);
    const found = await this.#em.fork().execute<{ digest: string; at: Date }[]>(
      `select s.digest, max(coalesce(o.approved_at, o.created_at)) as at from operation_subject s
       join operation o on o.id = s.operation_id
       where s.digest = any(?::text[]) and not s.held and ${reaching} group by s.digest`,
      [textArray(asked), ...this.#reach],
    );
    const erased = new Map(found.map(({ digest, at }) => [digest, new Date(at).getTime()]));
    return records.map(({ at }, index) => (names[index] ?? []).some((digest) => at <= (erased.get(digest) ?? -1)));
  }

  async #latestErasure(): Promise<number | null> {
    const [row] = await this.#em
      .fork()
      .execute<{ at: Date | null }[]>(
        `select max(coalesce(o.approved_at, o.created_at)) as at from operation o where ${reaching}`,
        this.#reach,
      );
    return row?.at == null ? null : new Date(row.at).getTime();
  }

  get #reach(): readonly (string | null)[] {
    const { entityIds, datasetId, table } = this.#records;
    const covered = [table?.datasetId ?? null, table?.entityId ?? null, table?.datasetId ?? null];
    return [textArray(entityIds), datasetId, ...covered];
  }

  /** Of the account, and of each person that the record names. */
  #digestsOf(record: RecordContent): readonly string[] {
    const { accountField, subjectFields } = this.#records;
    const accountId = idOf(record[accountField]);
    if (accountId === null) return [];
    const persons = subjectFields.flatMap((field) => {
      const value = idOf(record[field]);
      return value === null ? [] : [{ accountId, subject: { field, value } }];
    });
    return [{ accountId }, ...persons].map((selector) => this.#digestOf(selector));
  }

  #digestOf(selector: object): string {
    const key = JSON.stringify(selector);
    const known = this.#digests.get(key);
    if (known !== undefined) return known;
    if (this.#digests.size >= digestsMax) this.#digests.clear();
    const digest = this.#notary.digest(selector);
    this.#digests.set(key, digest);
    return digest;
  }
}

/** As erasures compare ids: as text. */
function idOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean' ? String(value) : null;
}
