import { type LookupAddress, lookup } from 'node:dns';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { WebhookAnswer, WebhookRequest, WebhookSender } from '../../services/changes/ports.ts';
import { isPublicAddress } from './public-address.ts';

const userAgent = 'Lineward-Webhooks/1';

/**
 * Posts messages over connections of their own. The address is looked at where the connection is made: what the name
 * resolves to is checked and connected to in one step, so that a name cannot point elsewhere in between.
 */
export class HttpWebhookSender implements WebhookSender {
  readonly isPrivateAllowed: boolean;
  readonly #timeoutMs: number;

  constructor(settings: { readonly isPrivateAllowed: boolean; readonly timeoutMs: number }) {
    this.isPrivateAllowed = settings.isPrivateAllowed;
    this.#timeoutMs = settings.timeoutMs;
  }

  send({ url: text, headers, body }: WebhookRequest, signal: AbortSignal): Promise<WebhookAnswer> {
    const url = new URL(text);
    const host = url.hostname.replace(/^\[|\]$/g, '');
    // Kept from a time when it was allowed; and what is an address already is never looked up.
    if (!this.isPrivateAllowed && (url.protocol !== 'https:' || (isIP(host) !== 0 && !isPublicAddress(host))))
      return Promise.resolve({ outcome: 'ADDRESS_REFUSED' });
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    const { promise, resolve } = Promise.withResolvers<WebhookAnswer>();
    const request = (url.protocol === 'http:' ? requestHttp : requestHttps)(url, {
      method: 'POST',
      headers: { ...headers, 'user-agent': userAgent, 'content-length': Buffer.byteLength(body) },
      agent: false,
      signal: AbortSignal.any([signal, timeout]),
      ...(this.isPrivateAllowed ? {} : { lookup: lookupPublic }),
    });
    request.on('response', (response) => {
      resolve({ outcome: 'ANSWERED', status: response.statusCode ?? 0 });
      // Whatever it says beyond its status is not read.
      response.destroy();
    });
    request.on('error', (error) => {
      if (error instanceof LinewardError) resolve({ outcome: 'ADDRESS_REFUSED' });
      else resolve({ outcome: timeout.aborted ? 'TIMEOUT' : 'UNREACHABLE' });
    });
    request.end(body);
    return promise;
  }
}

/** One address that is not public refuses the name: which of several is taken is nobody's choice. */
const lookupPublic: LookupFunction = (host, options, done) => {
  lookup(host, { ...options, all: true }, (error, found) => {
    const [first] = found ?? [];
    if (error !== null || first === undefined) return done(error ?? refusal(), '');
    if (!found.every(({ address }) => isPublicAddress(address))) return done(refusal(), '');
    return options.all === true ? done(null, found as LookupAddress[]) : done(null, first.address, first.family);
  });
};

const refusal = (): LinewardError => new LinewardError('BAD_INPUT', 'the host is not at a public address');
