import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { roleNames } from '../../domain/access/role.ts';
import type { Page, PageRequest } from '../../domain/page.ts';
import type { ApiToken } from '../../entities/api-token.entity.ts';
import { keysetPage } from '../keyset-page.ts';
import { textArray } from '../sql.ts';

const tokenRow = z
  .object({
    id: z.string(),
    name: z.string(),
    roles: z.array(z.string()).transform((given) => roleNames.filter((role) => given.includes(role))),
    created_by: z.string(),
    created_at: z.coerce.date(),
    expires_at: z.coerce.date().nullable(),
    revoked_by: z.string().nullable(),
    revoked_at: z.coerce.date().nullable(),
  })
  .transform(
    (row): ApiTokenFacts => ({
      id: row.id,
      name: row.name,
      roles: row.roles,
      createdBy: row.created_by,
      createdAt: row.created_at,
      expiresAt: row.expires_at,
      revokedBy: row.revoked_by,
      revokedAt: row.revoked_at,
    }),
  );

/** What is known of a token, without what it is known by. */
export type ApiTokenFacts = Omit<ApiToken, 'digest'>;

/** Questions about tokens. */
export class ApiTokenReadModel {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  apiTokens(request: PageRequest): Promise<Page<ApiTokenFacts>> {
    return keysetPage(this.#em.fork(), {
      table: 'api_token',
      where: { sql: 'true', params: [] },
      order: [{ column: 'id', type: 'text', descending: true }],
      request,
      parse: (row) => tokenRow.parse(row),
    });
  }

  async apiTokensById(ids: readonly string[]): Promise<readonly ApiTokenFacts[]> {
    const rows = await this.#em.fork().execute('select * from api_token where id = any(?::text[])', [textArray(ids)]);
    return rows.map((row) => tokenRow.parse(row));
  }
}
