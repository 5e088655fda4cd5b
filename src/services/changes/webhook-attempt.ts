import type { AttemptOutcome } from '../../domain/changes/webhook.ts';
import { signedHeaders, type WebhookMessage } from '../../domain/changes/webhook-message.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { WebhookAnswer, WebhookSender } from './ports.ts';
import type { SealedSecrets, WebhookVault } from './webhook-vault.ts';

/** What became of a message. */
export interface Attempt {
  readonly outcome: AttemptOutcome;
  /** What the receiver answered; null where nobody did. */
  readonly status: number | null;
}

/** Signs a message with the secrets that are good now, and sends it once. */
export class WebhookAttempts {
  readonly #vault: WebhookVault;
  readonly #sender: WebhookSender;
  readonly #now: () => Date;

  constructor(deps: { readonly vault: WebhookVault; readonly sender: WebhookSender; readonly now: () => Date }) {
    this.#vault = deps.vault;
    this.#sender = deps.sender;
    this.#now = deps.now;
  }

  async send(
    webhook: { readonly id: string; readonly sealed: SealedSecrets },
    message: WebhookMessage,
    signal: AbortSignal,
  ): Promise<Attempt> {
    const now = this.#now();
    const kept = await this.#vault.open(webhook.id, webhook.sealed).catch((error: unknown) => {
      if (error instanceof LinewardError && keyFaults.includes(error.code)) return null;
      throw error;
    });
    if (kept === null) return { outcome: 'SECRET_UNAVAILABLE', status: null };
    const secrets = kept.secrets.filter(({ until }) => until === null || until > now).map(({ secret }) => secret);
    const headers = signedHeaders(message, secrets, now);
    return attemptOf(await this.#sender.send({ url: kept.url, headers, body: message.body }, signal));
  }
}

const keyFaults: readonly string[] = ['KEY_UNAVAILABLE', 'KEY_MISMATCH'];

function attemptOf(answer: WebhookAnswer): Attempt {
  if (answer.outcome !== 'ANSWERED') return { outcome: answer.outcome, status: null };
  const { status } = answer;
  if (status >= 200 && status < 300) return { outcome: 'DELIVERED', status };
  return { outcome: status >= 300 && status < 400 ? 'REDIRECTED' : 'REFUSED', status };
}
