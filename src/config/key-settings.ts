import { z } from 'zod';
import { commaList } from './comma-list.ts';
import { Secret } from './secret.ts';
import { serverUrl } from './server-url.ts';

type Raw = Readonly<Record<string, string | undefined>>;

const keyNames = (pattern: RegExp, problem: string) =>
  z
    .string()
    .transform(commaList)
    .pipe(z.array(z.string().regex(pattern, problem)).min(1))
    .optional();
/** A plain path, which cannot lead out of the place it is put in. */
const path = () => z.string().regex(/^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/, 'must be names separated by slashes');
/** Settings of what wraps the account keys. */
export const keySettings = {
  KEY_PROVIDER: z
    .enum(['local', 'aws-kms', 'vault'])
    .default('local')
    .describe(
      'What wraps account keys: `local` (a file in the data directory), `aws-kms` or `vault`. The other ones still unwrap what they wrapped, as long as they are set up.',
    ),
  KEY_TIMEOUT_MS: z.coerce
    .number()
    .int()
    .min(100)
    .max(60_000)
    .default(5_000)
    .describe('Longest time for one call to AWS KMS or Vault, repetitions included, milliseconds.'),
  AWS_KMS_KEY_ID: keyNames(/^[\w:/-]+$/, 'must be ids, ARNs or aliases of keys').describe(
    'Symmetric KMS key: id, ARN or alias (looked up at start). Several separated by commas: the first wraps, the others still unwrap. Credentials and region come by the default chain of the AWS SDK, the region of an ARN by the ARN.',
  ),
  AWS_KMS_ENDPOINT: serverUrl().describe('URL of KMS. Unset: the public one of the region.'),
  VAULT_ADDR: serverUrl().describe(
    'URL of Vault or OpenBao, of the active node if standby nodes redirect. A private CA is named in `NODE_EXTRA_CA_CERTS`.',
  ),
  VAULT_NAMESPACE: path().optional().describe('Namespace of the transit engine, sent as `X-Vault-Namespace`.'),
  VAULT_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces')
    .transform((text) => new Secret(text))
    .optional()
    .describe('Token that may `update` `encrypt`, `decrypt` and `rewrap` of the transit keys, and not `create` them.'),
  VAULT_TOKEN_FILE: z
    .string()
    .optional()
    .describe('File that holds the token instead; read for each call, so that an agent may renew it.'),
  VAULT_TRANSIT_KEY: keyNames(/^\w([\w.-]*\w)?$/, 'must be names of transit keys').describe(
    'Transit key, one that is neither derived nor convergent. Several separated by commas: the first wraps, the others still unwrap.',
  ),
  VAULT_TRANSIT_MOUNT: path().default('transit').describe('Path at which the transit engine is mounted.'),
};

/** Problems of these settings together. */
export function keyProblems(raw: Raw): string[] {
  const problems: string[] = [];
  if (raw.KEY_PROVIDER === 'aws-kms' && raw.AWS_KMS_KEY_ID === undefined)
    problems.push('AWS_KMS_KEY_ID: is required because KEY_PROVIDER=aws-kms');
  const isVault = raw.KEY_PROVIDER === 'vault';
  if (isVault && raw.VAULT_TRANSIT_KEY === undefined)
    problems.push('VAULT_TRANSIT_KEY: is required because KEY_PROVIDER=vault');
  if (!isVault && raw.VAULT_TRANSIT_KEY === undefined) return problems;
  const reason = isVault ? 'KEY_PROVIDER=vault' : 'VAULT_TRANSIT_KEY is set';
  if (raw.VAULT_ADDR === undefined) problems.push(`VAULT_ADDR: is required because ${reason}`);
  if (raw.VAULT_TOKEN === undefined && raw.VAULT_TOKEN_FILE === undefined)
    problems.push(`VAULT_TOKEN: is required because ${reason}, or VAULT_TOKEN_FILE instead`);
  if (raw.VAULT_TOKEN !== undefined && raw.VAULT_TOKEN_FILE !== undefined)
    problems.push('VAULT_TOKEN_FILE: is not read while VAULT_TOKEN is set; unset one of them');
  return problems;
}

const schema = z.object(keySettings);

/** The settings by provider; null for one that is not set up. */
export function keyProvidersOf(settings: z.infer<typeof schema>) {
  const { VAULT_ADDR: address, VAULT_TRANSIT_KEY: vaultKeys, VAULT_TOKEN_FILE: file } = settings;
  const token = settings.VAULT_TOKEN ?? (file === undefined ? null : { file });
  return {
    provider: settings.KEY_PROVIDER,
    timeoutMs: settings.KEY_TIMEOUT_MS,
    awsKms:
      settings.AWS_KMS_KEY_ID === undefined
        ? null
        : { keys: settings.AWS_KMS_KEY_ID, endpoint: settings.AWS_KMS_ENDPOINT ?? null },
    vault:
      vaultKeys === undefined || address === undefined || token === null
        ? null
        : {
            keys: vaultKeys,
            address,
            namespace: settings.VAULT_NAMESPACE ?? null,
            mount: settings.VAULT_TRANSIT_MOUNT,
            token,
          },
  };
}
