import type { Data, TestApp } from './app.ts';

/** GraphQL of values; each answers what a `CryptoResult` holds. */
const result = 'ref ok value code message';
export const encrypt = `mutation ($input: EncryptInput!) { encrypt(input: $input) {
  userErrors { code field message } result { ${result} } } }`;
export const encryptBulk = `mutation ($input: EncryptBulkInput!) { encryptBulk(input: $input) {
  userErrors { code field message } results { ${result} } } }`;
export const decrypt = `mutation ($input: DecryptInput!) { decrypt(input: $input) {
  userErrors { code field message } result { ${result} } } }`;
export const decryptBulk = `mutation ($input: DecryptBulkInput!) { decryptBulk(input: $input) {
  userErrors { code field message } results { ${result} } } }`;
export const redact = `query ($item: RedactItemInput!) { redact(item: $item) { ${result} } }`;
export const redactBulk = `query ($items: [RedactItemInput!]!) { redactBulk(items: $items) { ${result} } }`;

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  readonly body: Data;
}

export type CryptoPath = 'seal' | 'redact' | `open${string}`;

/** `POST /api/v1/crypto:…` with a body of JSON; a string goes as it is. */
export async function cryptoJson(app: TestApp, path: CryptoPath, body: unknown): Promise<HttpAnswer> {
  const response = await fetch(`${app.urls.main}/api/v1/crypto:${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) };
}

/** The same with a body of lines; answers the lines. */
export async function cryptoLines(app: TestApp, path: CryptoPath, body: string | Buffer): Promise<readonly Data[]> {
  const response = await fetch(`${app.urls.main}/api/v1/crypto:${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });
  const text = await response.text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** Items as lines. */
export const linesOf = (items: readonly unknown[]): string => items.map((item) => `${JSON.stringify(item)}\n`).join('');

/** The events of an action, oldest first. */
export const eventsOf = (app: TestApp, action: string): Promise<Data[]> =>
  app.em.fork().execute('select * from audit_event where action = ? order by at, id', [action]);
