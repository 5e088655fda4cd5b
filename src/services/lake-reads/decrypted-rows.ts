import type { Actor } from '../../domain/access/actor.ts';
import { printExactJson, readExactJson } from '../../domain/exact-json.ts';
import { readFormOf } from '../../domain/lake-reads/read-column.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { type CryptoService, itemsMax } from '../privacy/crypto.service.ts';
import type { ReadPlan } from './lake-read.service.ts';

/** How the text of every envelope begins: base64 of `{"crypto_id":`. */
const envelopeStart = 'eyJjcnlwdG9faWQi';

/** Where a text stands, and how to put another value in its place. */
interface Envelope {
  readonly accountId: string;
  readonly text: string;
  put(value: unknown): void;
}

/**
 * Rows with the values of envelopes in their place, and without the account behind their columns. Masked values are none. An envelope
 * that cannot be opened stays what it is: its key is gone, or nobody may read it any more.
 * @throws LinewardError QUOTA_EXCEEDED
 */
export async function decryptedRows(
  crypto: CryptoService,
  actor: Actor,
  rows: readonly string[],
  { columns, purpose }: ReadPlan,
): Promise<readonly string[]> {
  const read = rows.map((row) => readExactJson(row) as unknown[]);
  const found: Envelope[] = [];
  for (const row of read) {
    const accountId = String(row.pop() ?? '');
    const isJson = (index: number): boolean => readFormOf(columns[index]?.type ?? '') === 'JSON';
    for (const [index, value] of row.entries())
      collect(
        value,
        accountId,
        (opened) => {
          row[index] = isJson(index) || typeof opened === 'string' ? opened : printExactJson(opened);
        },
        found,
      );
  }
  for (let start = 0; start < found.length; start += itemsMax)
    await openAll(crypto, actor, found.slice(start, start + itemsMax), purpose ?? '');
  return read.map((row) => printExactJson(row) ?? '[]');
}

async function openAll(
  crypto: CryptoService,
  actor: Actor,
  envelopes: readonly Envelope[],
  purpose: string,
): Promise<void> {
  const items = envelopes.map(({ accountId, text }) => ({ ref: null, accountId, value: text }));
  const answers = await crypto.open(actor, items, purpose);
  for (const [index, answer] of answers.entries()) {
    if (answer.ok) envelopes[index]?.put(answer.value);
    else if (answer.code === 'QUOTA_EXCEEDED') throw new LinewardError('QUOTA_EXCEEDED');
  }
}

/** Walks with a list of its own, because values may nest deeply. */
function collect(value: unknown, accountId: string, put: (value: unknown) => void, found: Envelope[]): void {
  const open: { readonly value: unknown; readonly put: (value: unknown) => void }[] = [{ value, put }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value: one, put: putOne } = next;
    if (typeof one === 'string' && one.startsWith(envelopeStart)) found.push({ accountId, text: one, put: putOne });
    else if (typeof one === 'object' && one !== null)
      for (const [key, inner] of Object.entries(one))
        open.push({
          value: inner,
          put: (changed) => Object.defineProperty(one, key, { value: changed, enumerable: true, writable: true }),
        });
  }
}
