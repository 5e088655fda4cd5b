import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalKeyProvider } from '../src/adapters/keys/local/local-key-provider.ts';
import { startEmbeddedPostgres } from '../src/adapters/postgres/embedded-postgres.ts';
import { openDatabase } from '../src/adapters/postgres/orm.ts';
import { createLogger } from '../src/adapters/telemetry/logger.ts';
import { startApp } from '../src/app.ts';
import { loadEnv } from '../src/config/env.ts';
import { AccountKeyService } from '../src/services/privacy/account-key.service.ts';
import { CryptoService } from '../src/services/privacy/crypto.service.ts';
import { KeyProviders } from '../src/services/privacy/key-providers.ts';
import { SemanticTypeReadModel } from '../src/services/privacy/semantic-type.read-model.ts';
import { TokenKeys } from '../src/services/privacy/token-keys.ts';
import { type BenchCase, beside, measureInTurns } from './harness.ts';
import { rawCipher } from './rates.ts';

const bulk = 10_000;
const atOnce = 32;
const rounds = 3;
const secondsPerTurn = 0.5;
const actor = { id: 'bench', kind: 'local', requestId: null } as const;
const accountId = 'AC00112233445566778899aabbccddeeff';
const { rawSeal, rawOpen } = rawCipher(createSecretKey(randomBytes(32)));
/** Audit row, quota and keys are part of every call, as they are of every call in production. */
const quotaPerMinute = 1e15;

/** Values through the service and over HTTP, beside the cipher alone. */
export async function serviceCases(): Promise<readonly BenchCase[]> {
  const closers: (() => Promise<unknown>)[] = [];
  try {
    const dataDir = await mkdtemp(join(tmpdir(), 'lineward-bench-'));
    closers.push(() => rm(dataDir, { recursive: true, force: true }));
    const postgres = await startEmbeddedPostgres(dataDir);
    closers.push(() => postgres.stop());
    const url = await startedApp(dataDir, postgres.url, (close) => closers.push(close));
    const database = await openDatabase(postgres.url);
    closers.push(() => database.close());
    const provider = await LocalKeyProvider.open(join(dataDir, 'bench.key'));
    const keys = new AccountKeyService({ em: database.em, providers: new KeyProviders(provider) });
    const semanticTypes = new SemanticTypeReadModel({ em: database.em });
    const tokenKeys = new TokenKeys({ keys });
    const crypto = new CryptoService({ em: database.em, keys, tokenKeys, semanticTypes, quotaPerMinute });
    return [...(await bulkCases(crypto)), ...(await pointCases(url))];
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

async function startedApp(dataDir: string, databaseUrl: string, onClose: (close: () => Promise<unknown>) => void) {
  const ports = { PORT: '0', REGISTRY_PORT: '0', PRODUCE_PORT: '0', LINEWARD_ROLES: 'api', LOG_LEVEL: 'silent' };
  const env = loadEnv({ ...ports, LINEWARD_DATA_DIR: dataDir, DATABASE_URL: databaseUrl });
  const app = await startApp(env, createLogger('silent'));
  onClose(() => app.stop());
  return app.urls.main;
}

async function bulkCases(crypto: CryptoService): Promise<readonly BenchCase[]> {
  const cases: BenchCase[] = [];
  for (const size of [32, 256]) {
    const texts = Array.from({ length: bulk }, (_, index) => String(index).padEnd(size, 'a'));
    const items = texts.map((value) => ({
      ...{ ref: null, accountId: `bench-${accountId}`, value, semanticType: 'phonenumber' },
      ...{ suite: 1, padding: false, subject: null },
    }));
    const seal = () => crypto.seal(actor, items);
    const envelopes = (await seal()).map((one) => ({
      ...{ ref: null, accountId: `bench-${accountId}`, value: one.ok ? one.value : '' },
    }));
    const sealed = texts.map(rawSeal);
    const rates = await measureInTurns(
      {
        rawSeal: async () => texts.map(rawSeal),
        seal,
        rawOpen: async () => sealed.map(rawOpen),
        open: () => crypto.open(actor, envelopes, 'bench'),
      },
      rounds,
      secondsPerTurn,
    );
    const against = (verb: 'seal' | 'open', value: number, reference: number): BenchCase =>
      beside(`${verb} ${size} B, ${bulk} a call through CryptoService`, value * bulk, '/s', {
        name: `raw GCM and base64, ${verb}`,
        value: reference * bulk,
      });
    cases.push(against('seal', rates.seal, rates.rawSeal), against('open', rates.open, rates.rawOpen));
  }
  return cases;
}

/** Point calls from 32 clients at once in this very process, beside the smallest answer of the same server. */
async function pointCases(url: string): Promise<readonly BenchCase[]> {
  const redact = { type: 'phonenumber', value: '+14155552671' };
  const seal = { accountId, value: '+14155552671', type: 'phonenumber' };
  const encrypt = 'mutation ($input: EncryptInput!) { encrypt(input: $input) { result { ok value } } }';
  const rates = await measureInTurns(
    {
      least: () => together(async () => void (await (await fetch(`${url}/healthz`)).text())),
      redact: () => together(() => posted(`${url}/api/v1/crypto:redact`, redact)),
      seal: () => together(() => posted(`${url}/api/v1/crypto:seal`, seal)),
      graphql: () => together(() => posted(`${url}/graphql`, { query: encrypt, variables: { input: { item: seal } } })),
    },
    rounds,
    secondsPerTurn,
  );
  const reference = { name: 'GET /healthz', value: rates.least * atOnce };
  return [
    beside('POST crypto:redact, one value', rates.redact * atOnce, 'calls/s', reference),
    beside('POST crypto:seal, one value', rates.seal * atOnce, 'calls/s', reference),
    beside('GraphQL encrypt, one value', rates.graphql * atOnce, 'calls/s', reference),
  ];
}

async function together(call: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: atOnce }, call));
}

async function posted(to: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(to, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await response.text();
  if (!text.includes('"ok":true')) throw new Error(text.slice(0, 500));
}
