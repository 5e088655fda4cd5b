import type { EntityManager } from '@mikro-orm/postgresql';
import type { SubjectSelector } from '../../domain/governance/selection.ts';
import type { KeysResult } from '../../domain/lake/key-reading.ts';
import type { TargetPlace } from '../../domain/operations/target.ts';
import { LakeTableSchema } from '../../entities/lake-table.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { SubjectScanner } from '../operations/ports.ts';
import type { LakeEngine, LakeStore } from './ports.ts';

const rowsMax = 50_000_000;
/** Pairs of an account and a value in one file: not all of them stand in one row, and each costs a digest. */
const pairsMax = 2_000_000;

/** Whom the rows of lake tables may be about. Columns are read one by one, so it names more persons than there are, never fewer. */
export class TableSubjects implements SubjectScanner {
  readonly role = 'LAKE_TABLE';
  readonly #em: EntityManager;
  readonly #store: LakeStore;
  readonly #engine: Pick<LakeEngine, 'keys'>;

  constructor(deps: {
    readonly em: EntityManager;
    readonly store: LakeStore;
    readonly engine: Pick<LakeEngine, 'keys'>;
  }) {
    this.#em = deps.em;
    this.#store = deps.store;
    this.#engine = deps.engine;
  }

  async *subjectsIn(place: TargetPlace, signal: AbortSignal): AsyncGenerator<SubjectSelector | string> {
    const table = await this.#em.fork().findOne(LakeTableSchema, { datasetId: place.datasetId });
    if (table === null) {
      yield 'no lake table is registered for it';
      return;
    }
    const columns = [place.accountField, ...place.subjectFields];
    for (const { path } of await this.#store.list(table.location)) {
      signal.throwIfAborted();
      const keys = await this.#keysOf(path, columns, signal);
      if (typeof keys === 'string') yield `${path}: ${keys}`;
      else yield* subjectsOf(path, keys);
    }
  }

  async #keysOf(path: string, columns: readonly string[], signal: AbortSignal): Promise<KeysResult['keys'] | string> {
    try {
      const read = (local: string) => this.#engine.keys({ path: local, columns, rowsMax, signal });
      return (await this.#store.reading([path], ([local = '']) => read(local))).keys;
    } catch (error) {
      const isOfFile =
        error instanceof LinewardError &&
        (error.code === 'LAKE_FILE_UNREADABLE' || error.code === 'LAKE_TABLE_REFUSED');
      if (!isOfFile) throw error;
      return `it could not be looked through (${error.code})`;
    }
  }
}

function* subjectsOf(path: string, [accounts, ...subjects]: KeysResult['keys']): Generator<SubjectSelector | string> {
  const accountIds = accounts?.values ?? [];
  for (const accountId of accountIds) yield { accountId };
  const pairs = accountIds.length * subjects.reduce((sum, { values }) => sum + values.length, 0);
  if (pairs > pairsMax) {
    yield `${path}: it has too many persons to be looked through one by one; whole accounts were`;
    return;
  }
  for (const { column: field, values } of subjects)
    for (const value of values) for (const accountId of accountIds) yield { accountId, subject: { field, value } };
}
