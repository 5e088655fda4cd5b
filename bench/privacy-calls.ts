import { benchApp, closing } from './bench-app.ts';
import { accountId } from './crypto-parts.ts';
import { type BenchCase, beside, measureInTurns } from './harness.ts';

const atOnce = 32;
const rounds = 5;
const secondsPerTurn = 0.5;

/** Calls with one value from 32 clients at once in this very process, beside the smallest answer of the same server. */
export function callCases(): Promise<readonly BenchCase[]> {
  return closing(async (onClose) => {
    const { app } = await benchApp(onClose, { LINEWARD_ROLES: 'api' });
    return casesOf(app.urls.main);
  });
}

async function casesOf(url: string): Promise<readonly BenchCase[]> {
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
