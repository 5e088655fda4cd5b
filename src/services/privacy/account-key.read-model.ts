import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { Page, PageRequest } from '../../domain/page.ts';
import { type AccountKeyView, keyStates } from '../../domain/privacy/key-state.ts';
import { keysetPage } from '../keyset-page.ts';
import { textArray } from '../sql.ts';

const keyRow = z
  .object({
    id: z.string(),
    account_id: z.string(),
    scope: z.string(),
    version: z.number(),
    state: z.enum(keyStates),
    kek_id: z.string(),
    enc_count: z.coerce.number(),
    created_at: z.coerce.date(),
    activated_at: z.coerce.date().nullable(),
    retired_at: z.coerce.date().nullable(),
    destroyed_at: z.coerce.date().nullable(),
  })
  .transform(
    (row): AccountKeyView => ({
      id: row.id,
      accountId: row.account_id,
      subjectScope: row.scope === '' ? null : row.scope,
      keyVersion: row.version,
      state: row.state,
      kekId: row.kek_id,
      encCount: row.enc_count,
      createdAt: row.created_at,
      activatedAt: row.activated_at,
      retiredAt: row.retired_at,
      destroyedAt: row.destroyed_at,
    }),
  );
const columns =
  'id, account_id, scope, version, state, kek_id, enc_count, created_at, activated_at, retired_at, destroyed_at';

/** Which keys there are, and in which state. The keys themselves stay where they are. */
export class AccountKeyReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  accountKeys(accountId: string, request: PageRequest): Promise<Page<AccountKeyView>> {
    return keysetPage(this.#em.fork(), {
      table: { sql: `(select ${columns} from account_key where account_id <> '') account_keys`, params: [] },
      where: { sql: 'account_id = ?', params: [accountId] },
      order: [
        { column: 'scope', type: 'text' },
        { column: 'version', type: 'integer', descending: true },
      ],
      request,
      parse: (row) => keyRow.parse(row),
    });
  }

  async accountKeysById(ids: readonly string[]): Promise<readonly AccountKeyView[]> {
    const rows = await this.#em
      .fork()
      .execute(`select ${columns} from account_key where account_id <> '' and id = any(?::text[])`, [textArray(ids)]);
    return rows.map((row) => keyRow.parse(row));
  }
}
