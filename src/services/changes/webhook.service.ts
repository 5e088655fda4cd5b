import { randomBytes } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { AuditAction } from '../../domain/audit/audit-action.ts';
import type { ChangeType } from '../../domain/changes/change-type.ts';
import { type Webhook, webhookUrl } from '../../domain/changes/webhook.ts';
import { secretText } from '../../domain/changes/webhook-message.ts';
import { assertText } from '../../domain/governance/selection.ts';
import { newId } from '../../domain/id.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { textArray } from '../sql.ts';
import type { WebhookSender } from './ports.ts';
import { readWebhook } from './webhook.read-model.ts';
import { webhookLease } from './webhook-lease.ts';
import { type SealedSecrets, sealedSecretsOf, type WebhookVault } from './webhook-vault.ts';

const nameCharsMax = 200;
const secretBytes = 32;
/** Each of them is looked after by every worker. */
const webhooksMax = 200;
/** How long the secret of before still signs after a new one was made. */
const overlapMs = 24 * 3_600_000;

export interface CreateWebhook {
  readonly name: string;
  readonly url: string;
  /** Null for all. */
  readonly types: readonly ChangeType[] | null;
}

/** A webhook, and its secret, which is told this once. */
export interface WebhookWithSecret {
  readonly webhook: Webhook;
  readonly secret: string;
}

/** Makes, steers and removes webhooks. Audit events name hosts, never URLs. */
export class WebhookService {
  readonly #em: EntityManager;
  readonly #vault: WebhookVault;
  readonly #sender: Pick<WebhookSender, 'isPrivateAllowed'>;

  constructor(deps: {
    readonly em: EntityManager;
    readonly vault: WebhookVault;
    readonly sender: Pick<WebhookSender, 'isPrivateAllowed'>;
  }) {
    this.#em = deps.em;
    this.#vault = deps.vault;
    this.#sender = deps.sender;
  }

  /**
   * Makes a webhook, which is told of what is sealed from now on.
   * @throws LinewardError BAD_INPUT, ALREADY_EXISTS, LIMIT_EXCEEDED, KEY_UNAVAILABLE
   */
  async createWebhook(actor: Actor, { name, url: given, types }: CreateWebhook): Promise<WebhookWithSecret> {
    assertText(name, ['name'], nameCharsMax);
    const { href: url, origin } = webhookUrl(given, this.#sender.isPrivateAllowed);
    if (types?.length === 0)
      throw new LinewardError('BAD_INPUT', 'types: name at least one, or leave it out for all', { path: ['types'] });
    const id = newId();
    const secret = randomBytes(secretBytes);
    const kept = await this.#vault.seal(id, { url, secrets: [{ secret, until: null }] });
    const webhook = await this.#em.fork().transactional(async (tx) => {
      await tx.execute(`select pg_advisory_xact_lock(hashtext('lineward.webhook'))`);
      const [known] = await tx.execute<{ count: string; taken: boolean }[]>(
        'select count(*), coalesce(bool_or(name = ?), false) as taken from webhook',
        [name],
      );
      if (known?.taken === true)
        throw new LinewardError('ALREADY_EXISTS', 'name: another webhook has it', { path: ['name'] });
      if (Number(known?.count) >= webhooksMax)
        throw new LinewardError('LIMIT_EXCEEDED', `There are ${webhooksMax} webhooks; delete one first.`);
      const [row] = await tx.execute(
        `insert into webhook (id, name, origin, types, kek_id, wrapped, sealed, state, delivered_seq, created_by, created_at)
         values (?, ?, ?, ?::text[], ?, ?, ?, 'ACTIVE', (select coalesce(max(seq), 0) from change), ?, now()) returning *`,
        [
          ...[id, name, origin, types === null ? null : textArray([...new Set(types)])],
          ...[kept.kekId, kept.wrapped, kept.sealed, actor.id],
        ],
      );
      tell(tx, actor, 'createWebhook', id, { name, origin, types });
      return readWebhook(row);
    });
    return { webhook, secret: secretText(secret) };
  }

  /** @throws LinewardError NOT_FOUND, CONFLICT */
  pauseWebhook(actor: Actor, id: string): Promise<Webhook> {
    return this.#change(actor, 'pauseWebhook', id, async (tx, { state }) => {
      if (state === 'PAUSED') throw new LinewardError('CONFLICT', 'The webhook is paused already.', { path: ['id'] });
      return set(tx, id, `state = 'PAUSED', next_attempt_at = null, paused_reason = ?`, [`paused by ${actor.id}`]);
    });
  }

  /** Goes on where it stopped, at once. Of one that is not paused it repeats what failed without waiting. @throws LinewardError NOT_FOUND */
  resumeWebhook(actor: Actor, id: string): Promise<Webhook> {
    return this.#change(actor, 'resumeWebhook', id, (tx) =>
      set(tx, id, `state = 'ACTIVE', paused_reason = null, attempts = 0, failing_since = null, next_attempt_at = null`),
    );
  }

  /** @throws LinewardError NOT_FOUND */
  deleteWebhook(actor: Actor, id: string): Promise<Webhook> {
    return this.#change(actor, 'deleteWebhook', id, async (tx, webhook) => {
      await tx.execute('delete from webhook where id = ?', [id]);
      await tx.execute('delete from lease where resource = ?', [webhookLease(id)]);
      return webhook;
    });
  }

  /** Makes a new secret; messages are signed by both for a day. @throws LinewardError NOT_FOUND, KEY_UNAVAILABLE, KEY_MISMATCH */
  async rotateWebhookSecret(actor: Actor, id: string): Promise<WebhookWithSecret> {
    const secret = randomBytes(secretBytes);
    const webhook = await this.#change(actor, 'rotateWebhookSecret', id, async (tx, _webhook, before) => {
      const { url, secrets } = await this.#vault.open(id, before);
      const until = new Date(Date.now() + overlapMs);
      // Of three made in one day the first is no longer taken.
      const [newest] = secrets;
      const older = newest === undefined ? [] : [{ secret: newest.secret, until }];
      const kept = await this.#vault.seal(id, { url, secrets: [{ secret, until: null }, ...older] });
      return set(tx, id, 'kek_id = ?, wrapped = ?, sealed = ?', [kept.kekId, kept.wrapped, kept.sealed]);
    });
    return { webhook, secret: secretText(secret) };
  }

  #change(
    actor: Actor,
    action: AuditAction,
    id: string,
    change: (tx: EntityManager, webhook: Webhook, sealed: SealedSecrets) => Promise<Webhook>,
  ): Promise<Webhook> {
    return this.#em.fork().transactional(async (tx) => {
      const [row] = await tx.execute('select * from webhook where id = ? for update', [id]);
      if (row === undefined) throw new LinewardError('NOT_FOUND', 'id: there is no such webhook', { path: ['id'] });
      const { name, origin } = readWebhook(row);
      const changed = await change(tx, readWebhook(row), sealedSecretsOf(row));
      tell(tx, actor, action, id, { name, origin });
      return changed;
    });
  }
}

function tell(
  tx: EntityManager,
  actor: Actor,
  action: AuditAction,
  id: string,
  details: Readonly<Record<string, unknown>>,
): void {
  audit(tx, actor, { action, resourceType: 'Webhook', resourceId: id, details });
}

async function set(tx: EntityManager, id: string, columns: string, values: readonly unknown[] = []): Promise<Webhook> {
  const [row] = await tx.execute(`update webhook set ${columns} where id = ? returning *`, [...values, id]);
  return readWebhook(row);
}
