import { LinewardError } from '../../errors/lineward-error.ts';
import type { ChangeType } from './change-type.ts';

export const webhookStates = ['ACTIVE', 'PAUSED'] as const;
export type WebhookState = (typeof webhookStates)[number];

/** How the last attempt ended. */
export const attemptOutcomes = {
  DELIVERED: 'The receiver took it: an answer from 200 to 299.',
  REFUSED: 'The receiver answered something else; `lastStatus` says what.',
  REDIRECTED: 'The receiver sent it elsewhere, where it does not go.',
  TIMEOUT: 'The receiver did not answer in time.',
  UNREACHABLE: 'Nobody is there, the name does not resolve, or the connection is not trusted.',
  ADDRESS_REFUSED: 'The host is at an address that is not public.',
  SECRET_UNAVAILABLE: 'The key provider does not answer, so that nothing can be signed.',
} as const;
export type AttemptOutcome = keyof typeof attemptOutcomes;

/** What is known of a webhook, without what is secret about it. */
export interface Webhook {
  readonly id: string;
  readonly name: string;
  /** Scheme, host and port: the rest of the URL often is a secret. */
  readonly origin: string;
  /** Null for all. */
  readonly types: readonly ChangeType[] | null;
  readonly state: WebhookState;
  readonly pausedReason: string | null;
  readonly deliveredSeq: number;
  readonly attempts: number;
  readonly failingSince: Date | null;
  /** Null for at once, and while it is paused. */
  readonly nextAttemptAt: Date | null;
  readonly lastAttemptAt: Date | null;
  readonly lastOutcome: AttemptOutcome | null;
  readonly lastStatus: number | null;
  readonly lastDeliveredAt: Date | null;
  readonly createdBy: string;
  readonly createdAt: Date;
}

const urlCharsMax = 2_000;

/** The URL of a webhook as it is kept. @throws LinewardError BAD_INPUT */
export function webhookUrl(text: string, isPrivateAllowed: boolean): URL {
  const url = text.length <= urlCharsMax ? URL.parse(text) : null;
  const schemes = isPrivateAllowed ? ['https:', 'http:'] : ['https:'];
  if (url === null || !schemes.includes(url.protocol) || url.hostname === '')
    throw badUrl(
      `must be an ${isPrivateAllowed ? 'https: or http:' : 'https:'} URL of at most ${urlCharsMax} characters`,
    );
  if (`${url.username}${url.password}` !== '')
    throw badUrl('must not hold a user or password: the signature says who sends');
  url.hash = '';
  return url;
}

const badUrl = (what: string): LinewardError => new LinewardError('BAD_INPUT', `url: ${what}`, { path: ['url'] });
