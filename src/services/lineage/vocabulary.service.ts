import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { newId } from '../../domain/id.ts';
import type { Word, WordKind } from '../../domain/lineage/vocabulary.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { recordValues } from '../changes/value-history.ts';
import { assertPlainText, documentationCharsMax, readLabels } from '../registry/description-text.ts';
import { textArray } from '../sql.ts';
import { wordRow } from './vocabulary.read-model.ts';

export interface DefineWord {
  readonly name: string;
  readonly description: string;
  readonly owners?: readonly string[] | undefined;
  /** Name of the word above it. */
  readonly parent?: string | undefined;
  /** `revision` that the change was made upon. */
  readonly expectedRevision?: number | undefined;
}

const typeOf = { TERM: 'GlossaryTerm', DOMAIN: 'Domain' } as const;

/** Keeps the terms of the glossary and the domains. */
export class VocabularyService {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /**
   * Defines a word, or defines it anew. The same again leaves no trace.
   * @throws LinewardError BAD_INPUT, LIMIT_EXCEEDED, NOT_FOUND for an unknown parent, CONFLICT for another revision.
   */
  async define(actor: Actor, kind: WordKind, input: DefineWord): Promise<Word> {
    const [name = ''] = readLabels([input.name], 'name');
    assertPlainText(input.description, { path: ['description'], charsMax: documentationCharsMax, lines: true });
    const owners = readLabels(input.owners ?? [], 'owners');
    return this.#em.fork().transactional(async (tx) => {
      // Words hang together by their parents: writers of a kind take turns, so that no two of them close a ring.
      await tx.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [`lineward.vocabulary.${kind}`]);
      const before = await wordOf(tx, kind, name);
      assertRevision(before, input.expectedRevision);
      const parentId = await parentOf(tx, kind, { parent: input.parent, word: before });
      const after = { description: input.description, owners, parentId };
      if (before !== null && isSame(before, after)) return before;
      const rows = await tx.execute(
        `insert into vocabulary (id, kind, name, description, owners, parent_id, created_at, updated_at)
         values (?, ?, ?, ?, ?::text[], ?, now(), now())
         on conflict (kind, name) do update set description = excluded.description, owners = excluded.owners,
           parent_id = excluded.parent_id, updated_at = now(), revision = vocabulary.revision + 1
         returning *`,
        [newId(), kind, name, after.description, textArray(owners), parentId],
      );
      const word = wordRow.parse(rows[0]);
      await recordValues(tx, actor, {
        type: typeOf[kind],
        id: word.id,
        parts: {
          description: [before?.description, word.description],
          owners: [before?.owners, word.owners],
          parent: [await nameOf(tx, before?.parentId ?? null), await nameOf(tx, parentId)],
        },
      });
      audit(tx, actor, {
        action: kind === 'TERM' ? 'defineGlossaryTerm' : 'defineDomain',
        resourceType: typeOf[kind],
        resourceId: word.id,
        details: { name, revision: word.revision },
      });
      return word;
    });
  }

  /** Takes a word away. @throws LinewardError NOT_FOUND, CONFLICT while something is described by it or below it. */
  async remove(actor: Actor, kind: WordKind, id: string): Promise<Word> {
    return this.#em.fork().transactional(async (tx) => {
      await tx.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [`lineward.vocabulary.${kind}`]);
      const [row] = await tx.execute('select * from vocabulary where id = ? and kind = ? for update', [id, kind]);
      if (row === undefined) throw new LinewardError('NOT_FOUND', 'id: there is nothing of this id', { path: ['id'] });
      const word = wordRow.parse(row);
      const [use] = await tx.execute<{ uses: number }[]>(
        `select (select count(*) from dataset_told where part = ? and value @> to_jsonb(?::text))::integer
           + (select count(*) from vocabulary where parent_id = ?)::integer as uses`,
        [kind === 'TERM' ? 'terms' : 'domain', word.name, id],
      );
      if ((use?.uses ?? 0) > 0)
        throw new LinewardError(
          'CONFLICT',
          `id: ${use?.uses} descriptions or words below name it; change these first`,
          {
            path: ['id'],
          },
        );
      await tx.execute('delete from vocabulary where id = ?', [id]);
      audit(tx, actor, {
        action: kind === 'TERM' ? 'removeGlossaryTerm' : 'removeDomain',
        resourceType: typeOf[kind],
        resourceId: id,
        details: { name: word.name },
      });
      return word;
    });
  }
}

async function wordOf(tx: EntityManager, kind: WordKind, name: string): Promise<Word | null> {
  const [row] = await tx.execute('select * from vocabulary where kind = ? and name = ?', [kind, name]);
  return row === undefined ? null : wordRow.parse(row);
}

async function nameOf(tx: EntityManager, id: string | null): Promise<string | null> {
  if (id === null) return null;
  const [row] = await tx.execute<{ name: string }[]>('select name from vocabulary where id = ?', [id]);
  return row?.name ?? null;
}

function assertRevision(word: Word | null, expected: number | undefined): void {
  if (expected === undefined || expected === (word?.revision ?? null)) return;
  const why = word === null ? 'nobody has defined it' : `it is at revision ${word.revision}`;
  throw new LinewardError('CONFLICT', `expectedRevision: ${why}; read it again`, { path: ['expectedRevision'] });
}

async function parentOf(
  tx: EntityManager,
  kind: WordKind,
  { parent, word }: { readonly parent: string | undefined; readonly word: Word | null },
): Promise<string | null> {
  if (parent === undefined) return null;
  const found = await wordOf(tx, kind, parent.trim());
  if (found === null)
    throw new LinewardError('NOT_FOUND', 'parent: nobody has defined it; define it first', { path: ['parent'] });
  const above = await tx.execute<{ id: string }[]>(
    `with recursive above as (
       select id, parent_id from vocabulary where id = ?
       union select next.id, next.parent_id from above join vocabulary next on next.id = above.parent_id
     ) select id from above`,
    [found.id],
  );
  if (word !== null && above.some(({ id }) => id === word.id))
    throw new LinewardError('BAD_INPUT', 'parent: it lies below this one already', { path: ['parent'] });
  return found.id;
}

function isSame(before: Word, after: Pick<Word, 'description' | 'owners' | 'parentId'>): boolean {
  return (
    before.description === after.description &&
    before.parentId === after.parentId &&
    JSON.stringify(before.owners) === JSON.stringify(after.owners)
  );
}
