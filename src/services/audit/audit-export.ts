import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { exportLine } from '../../domain/audit/audit-file.ts';
import { audit } from './audit.service.ts';
import { auditLog, logBounds } from './audit-log.ts';

/** Gives the sealed log out, for who verifies or keeps it without the service. */
export class AuditExport {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** Lines of an audit file: the whole log as it is sealed now. That it was read is an event itself, which is not in it. */
  async *lines(actor: Actor): AsyncGenerator<string> {
    const em = this.#em.fork();
    const bounds = await logBounds(em);
    await em.transactional(async (tx) =>
      audit(tx, actor, {
        action: 'exportAuditLog',
        resourceType: 'AuditLog',
        resourceId: null,
        details: { links: bounds.head },
      }),
    );
    yield exportLine({ type: 'lineward.audit.export', version: 1 });
    let links = 0;
    for await (const entry of auditLog(em.fork(), 0, bounds)) {
      if ('link' in entry) links += 1;
      yield exportLine(
        'link' in entry
          ? { type: 'lineward.audit.link', ...entry.link }
          : { type: 'lineward.audit.checkpoint', checkpoint: entry.checkpoint },
      );
    }
    yield exportLine({ type: 'lineward.audit.end', links });
  }
}
