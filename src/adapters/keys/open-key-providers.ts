import { LinewardError } from '../../errors/lineward-error.ts';
import type { KeyProvider } from '../../services/privacy/ports.ts';
import { LocalKeyProvider } from './local/local-key-provider.ts';
import type { TransitSettings } from './vault/transit-client.ts';
import { VaultKeyProvider } from './vault/vault-key-provider.ts';

export interface KeyProviderSettings {
  readonly provider: 'local' | 'aws-kms' | 'vault';
  readonly timeoutMs: number;
  /** Of each list of keys, the first wraps and the others unwrap. */
  readonly awsKms: { readonly keys: readonly string[]; readonly endpoint: string | null } | null;
  readonly vault: (Omit<TransitSettings, 'timeoutMs'> & { readonly keys: readonly string[] }) | null;
}

/** The provider that wraps, and all that unwrap what was wrapped before: whatever is configured, or lies in the key file. */
export async function openKeyProviders(
  settings: KeyProviderSettings,
  keyFile: string,
): Promise<{ current: KeyProvider; others: readonly KeyProvider[] }> {
  const { provider, timeoutMs, awsKms, vault } = settings;
  if (provider === 'local') await LocalKeyProvider.open(keyFile);
  const byKind: Record<KeyProviderSettings['provider'], readonly KeyProvider[]> = {
    local: await LocalKeyProvider.openAll(keyFile),
    'aws-kms': awsKms === null ? [] : await openAwsKms(awsKms, timeoutMs),
    vault: vault === null ? [] : vault.keys.map((key) => new VaultKeyProvider({ ...vault, key, timeoutMs })),
  };
  const [current, ...older] = byKind[provider];
  if (current === undefined) throw new LinewardError('CONFIG_INVALID', `KEY_PROVIDER=${provider} has no key.`);
  const rest = Object.entries(byKind).flatMap(([kind, providers]) => (kind === provider ? older : providers));
  return { current, others: rest };
}

async function openAwsKms(
  { keys, endpoint }: NonNullable<KeyProviderSettings['awsKms']>,
  timeoutMs: number,
): Promise<readonly KeyProvider[]> {
  // The SDK takes its time and memory at start, which only those pay who use it.
  const { AwsKmsKeyProvider } = await import('./aws-kms/aws-kms-key-provider.ts');
  return Promise.all(keys.map((key) => AwsKmsKeyProvider.open({ key, endpoint, timeoutMs })));
}
