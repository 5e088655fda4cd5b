import { createHmac, hash } from 'node:crypto';
import { canonicalJson } from '../canonical-json.ts';
import type { Change } from './change.ts';

/** A message as Standard Webhooks has it: the same id and body at each attempt. */
export interface WebhookMessage {
  readonly id: string;
  readonly body: string;
}

const secretPrefix = 'whsec_';

/** The text of a secret, as it is told to who verifies. */
export const secretText = (secret: Uint8Array): string => `${secretPrefix}${Buffer.from(secret).toString('base64')}`;

/**
 * The message of a batch. It is named by what is in it, so that an attempt after a kill has its name, and what comes in its
 * place after a restore of the database has another.
 */
export function changesMessage(webhookId: string, changes: readonly [Change, ...Change[]]): WebhookMessage {
  const { seq: last, at } = changes.at(-1) ?? changes[0];
  const body = canonicalJson({ type: 'lineward.changes', timestamp: at, data: { changes } });
  return { id: `msg_${webhookId}_${changes[0].seq}_${last}_${hash('sha256', body).slice(0, 16)}`, body };
}

/** A message that tells nothing, to try a webhook with. */
export function testMessage(webhookId: string, at: Date): WebhookMessage {
  return {
    id: `msg_${webhookId}_test_${at.getTime()}`,
    body: canonicalJson({ type: 'lineward.test', timestamp: at.toISOString(), data: {} }),
  };
}

/** The headers by which a receiver knows that a message is ours: one signature for each secret, the newest first. */
export function signedHeaders(
  { id, body }: WebhookMessage,
  secrets: readonly Uint8Array[],
  now: Date,
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(now.getTime() / 1_000));
  const signatures = secrets.map(
    (secret) => `v1,${createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')}`,
  );
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}

const firstDelayMs = 1_000;
const delayMsMax = 3_600_000;

/** Time until the next attempt: doubled with each, up to an hour, and spread by half, so that not all come back at once. */
export function retryDelayMs(attempts: number, random: number): number {
  const delayMs = Math.min(delayMsMax, firstDelayMs * 2 ** Math.min(attempts - 1, 30));
  return Math.round(delayMs * (0.5 + random / 2));
}
