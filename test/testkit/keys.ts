import { randomBytes } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { KeyHolder } from '../../src/domain/privacy/key-holder.ts';
import { AccountKeySchema } from '../../src/entities/account-key.entity.ts';
import { WebhookVault } from '../../src/services/changes/webhook-vault.ts';
import { AccountKeyReadModel } from '../../src/services/privacy/account-key.read-model.ts';
import { AccountKeyService } from '../../src/services/privacy/account-key.service.ts';
import { CryptoService } from '../../src/services/privacy/crypto.service.ts';
import { KeyHolders } from '../../src/services/privacy/key-holders.ts';
import { KeyLifecycleService } from '../../src/services/privacy/key-lifecycle.service.ts';
import { KeyProviders } from '../../src/services/privacy/key-providers.ts';
import type { KeyProvider } from '../../src/services/privacy/ports.ts';
import { SemanticTypeReadModel } from '../../src/services/privacy/semantic-type.read-model.ts';
import { TokenKeys } from '../../src/services/privacy/token-keys.ts';
import { byRoles } from './access.ts';

export interface KeyPartsOptions {
  readonly em: EntityManager;
  readonly provider: KeyProvider;
  readonly others?: readonly KeyProvider[];
  readonly clock?: () => Date;
  readonly quotaPerMinute?: number;
}

/** The services of keys as one process builds them, with nothing of any other process in memory. */
export function keyParts({ em, provider, others = [], clock, quotaPerMinute = 1_000_000 }: KeyPartsOptions) {
  const keyProviders = new KeyProviders(provider, others);
  const keys = new AccountKeyService({ em, providers: keyProviders, ...(clock === undefined ? {} : { clock }) });
  const tokenKeys = new TokenKeys({ keys });
  const holders = new KeyHolders({ tokenKeys });
  const accountKeys = new AccountKeyReadModel({ em });
  const semanticTypes = new SemanticTypeReadModel({ em });
  return {
    keys,
    tokenKeys,
    holders,
    lifecycle: new KeyLifecycleService({
      ...{ em, keys, holders, keyProviders, accountKeys },
      otherKeys: new WebhookVault({ em, keyProviders }),
    }),
    crypto: new CryptoService({ em, keys, tokenKeys, semanticTypes, access: allowingAll, quotaPerMinute }),
  };
}

/** The versions of the keys of an account and of persons in it. */
export const keyRowsOf = (em: EntityManager, accountId: string) =>
  em.fork().find(AccountKeySchema, { accountId }, { orderBy: { scope: 'asc', version: 'asc' } });

export const accountHolder = (accountId: string): KeyHolder => ({ accountId, scope: '' });
export const newAccount = (): string => `AC${randomBytes(8).toString('hex')}`;

/** Where no policy speaks. */
const allowingAll = { ...byRoles, mayWith: () => true };
