/** Tells that there are new changes. */
export interface ChangeNotices {
  /**
   * Ticks at once, and after each batch of changes that is sealed, by whichever process, until `return`; several that nobody
   * waited for are one tick.
   */
  notices(): AsyncIterableIterator<void>;
}

/** A message to a webhook. */
export interface WebhookRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How an attempt ended. Of an answer only its status is kept. */
export type WebhookAnswer =
  | { readonly outcome: 'ANSWERED'; readonly status: number }
  /** Nobody answered in time, or at all, or not by TLS that can be believed. */
  | { readonly outcome: 'TIMEOUT' | 'UNREACHABLE' }
  /** The host resolves to a place that webhooks must not reach. */
  | { readonly outcome: 'ADDRESS_REFUSED' };

/** Sends messages to the outside, and nowhere else. */
export interface WebhookSender {
  /** Whether plain HTTP and addresses that are not public are let through. */
  readonly isPrivateAllowed: boolean;
  /** Follows no redirect, keeps no answer, and throws nothing; the signal ends it as if nobody had answered. */
  send(request: WebhookRequest, signal: AbortSignal): Promise<WebhookAnswer>;
}
