import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalKeyProvider } from '../src/adapters/keys/local/local-key-provider.ts';
import { startEmbeddedPostgres } from '../src/adapters/postgres/embedded-postgres.ts';
import { openDatabase } from '../src/adapters/postgres/orm.ts';
import type { Actor } from '../src/domain/access/actor.ts';
import { type Action, mayDo } from '../src/domain/access/role.ts';
import type { CryptoAnswer } from '../src/domain/privacy/crypto-answer.ts';
import { AccountKeyService } from '../src/services/privacy/account-key.service.ts';
import { CryptoService, type OpenItem, type SealItem } from '../src/services/privacy/crypto.service.ts';
import { KeyProviders } from '../src/services/privacy/key-providers.ts';
import { SemanticTypeReadModel } from '../src/services/privacy/semantic-type.read-model.ts';
import { TokenKeys } from '../src/services/privacy/token-keys.ts';

export const accountId = 'AC00112233445566778899aabbccddeeff';
export const actor = { id: 'bench', kind: 'local', roles: [], requestId: null } as const;
/** Audit row, quota and keys are part of every call, as they are of every call in production. */
const quotaPerMinute = 1e15;

/** Runs `work` over a PostgreSQL of its own that is gone afterwards. */
export async function withPostgres<T>(
  work: (ownerUrl: string, dataDir: string, applicationUrl: string) => Promise<T>,
): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'lineward-bench-'));
  try {
    const postgres = await startEmbeddedPostgres(dataDir);
    return await work(postgres.url, dataDir, postgres.applicationUrl).finally(() => postgres.stop());
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Runs `work` with the service over a database of its own. */
export function withCrypto<T>(work: (crypto: CryptoService) => Promise<T>): Promise<T> {
  return withPostgres(async (url, dataDir) => {
    const database = await openDatabase(url);
    try {
      await database.migrate();
      const provider = await LocalKeyProvider.open(join(dataDir, 'bench.key'));
      const keys = new AccountKeyService({ em: database.em, providers: new KeyProviders(provider) });
      const semanticTypes = new SemanticTypeReadModel({ em: database.em });
      const tokenKeys = new TokenKeys({ keys });
      const { em } = database;
      return await work(new CryptoService({ em, keys, tokenKeys, semanticTypes, access: allowingAll, quotaPerMinute }));
    } finally {
      await database.close();
    }
  });
}

const common = { ref: null, accountId };

/** What a call encrypts: different texts of one account. */
export function sealItems(texts: readonly string[]): readonly SealItem[] {
  const form = { semanticType: 'phonenumber', suite: 1, padding: false, subject: null };
  return texts.map((value) => ({ ...common, ...form, value }));
}

/** What a call decrypts: the envelopes that a call has made. */
export function openItems(sealed: readonly CryptoAnswer[]): readonly OpenItem[] {
  return sealed.map((one) => ({ ...common, value: one.ok ? one.value : '' }));
}

/** Where no policy speaks. */
const allowingAll = {
  may: ({ roles }: Actor, action: Action) => mayDo(roles, action),
  mayWith: () => true,
};
