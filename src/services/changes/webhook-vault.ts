import { createSecretKey, randomBytes } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { ivBytes, openGcm, sealGcm } from '../../domain/privacy/aes-gcm.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { KeyProviders } from '../privacy/key-providers.ts';
import type { OtherWrappedKeys } from '../privacy/ports.ts';

const keyBytes = 32;
const base64 = z.string().transform((text) => Buffer.from(text, 'base64'));
const secretsJson = z.object({
  url: z.string(),
  secrets: z.array(z.object({ secret: base64, until: z.coerce.date().nullable() })).min(1),
});

/** What must not be read where a webhook is kept. */
export interface WebhookSecrets {
  readonly url: string;
  /** The newest first; an older one is good until a time. */
  readonly secrets: readonly { readonly secret: Buffer; readonly until: Date | null }[];
}

/** The same as a row has it: a key of its own, wrapped by the key provider, and what is sealed under that. */
export interface SealedSecrets {
  readonly kekId: string;
  readonly wrapped: Buffer;
  readonly sealed: Buffer;
}

/** Seals URLs and secrets of webhooks, each under a key of its own that the key provider wraps. */
export class WebhookVault implements OtherWrappedKeys {
  readonly #em: EntityManager;
  readonly #providers: KeyProviders;

  constructor(deps: { readonly em: EntityManager; readonly keyProviders: KeyProviders }) {
    this.#em = deps.em;
    this.#providers = deps.keyProviders;
  }

  /** @throws LinewardError KEY_UNAVAILABLE */
  async seal(webhookId: string, { url, secrets }: WebhookSecrets): Promise<SealedSecrets> {
    const key = randomBytes(keyBytes);
    try {
      const text = JSON.stringify({
        url,
        secrets: secrets.map(({ secret, until }) => ({ secret: secret.toString('base64'), until })),
      });
      const sealed = sealGcm(createSecretKey(key), randomBytes(ivBytes), text, context(webhookId));
      return { ...(await this.#providers.wrap(key)), sealed };
    } finally {
      key.fill(0);
    }
  }

  /** @throws LinewardError KEY_UNAVAILABLE, KEY_MISMATCH */
  async open(webhookId: string, { kekId, wrapped, sealed }: SealedSecrets): Promise<WebhookSecrets> {
    const key = await this.#providers.unwrap({ kekId, wrapped });
    try {
      const text = openGcm(createSecretKey(key), sealed, context(webhookId)).toString('utf8');
      return secretsJson.parse(JSON.parse(text));
    } finally {
      key.fill(0);
    }
  }

  /** What cannot be unwrapped stays as it is, and its webhook says so when it is told something. */
  async rewrapAll(): Promise<void> {
    const rows = await this.#em.fork().execute<{ id: string }[]>('select id, kek_id, wrapped, sealed from webhook');
    for (const row of rows) {
      const { kekId, wrapped } = sealedSecretsOf(row);
      const anew = await this.#providers.rewrap({ kekId, wrapped }).catch((error: unknown) => {
        if (error instanceof LinewardError && error.code === 'KEY_MISMATCH') return null;
        throw error;
      });
      if (anew === null) continue;
      await this.#em
        .fork()
        .execute('update webhook set kek_id = ?, wrapped = ? where id = ? and wrapped = ?', [
          ...[anew.kekId, anew.wrapped, row.id, wrapped],
        ]);
    }
  }
}

/** Binds what is sealed to its row. */
const context = (webhookId: string): Buffer => Buffer.from(`lineward.webhook.v1:${webhookId}`);

const sealedRow = z
  .object({ kek_id: z.string(), wrapped: z.instanceof(Buffer), sealed: z.instanceof(Buffer) })
  .transform(({ kek_id: kekId, wrapped, sealed }): SealedSecrets => ({ kekId, wrapped, sealed }));

/** What a row of `webhook` keeps sealed. */
export const sealedSecretsOf = (row: unknown): SealedSecrets => sealedRow.parse(row);
