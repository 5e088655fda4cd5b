import { z } from 'zod';
import { checkpointJson } from '../../domain/audit/audit-file.ts';
import type { Checkpoint } from '../../domain/audit/checkpoint.ts';
import { chainStart } from '../../domain/audit/sealed-event.ts';

const checkpointRow = z.object({
  number: z.coerce.number(),
  seq: z.coerce.number(),
  body: z.string(),
  signature: z.string(),
  public_key: z.string(),
});

/** A checkpoint of a row of `audit_checkpoint`. What is none, or another than its row says, reads as one that nobody signed. */
export function readCheckpoint(given: unknown): Checkpoint {
  const { number, seq, body, signature, public_key: publicKey } = checkpointRow.parse(given);
  const read = checkpointJson.safeParse({ body: parsed(body), signature, publicKey });
  if (read.success && read.data.body.number === number && read.data.body.seq === seq) return read.data;
  const nothing = { hash: chainStart, root: chainStart, previous: null, at: new Date(0).toISOString() };
  return {
    body: { type: 'lineward.audit.checkpoint', version: 1, number, seq, ...nothing },
    signature: '',
    publicKey,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
