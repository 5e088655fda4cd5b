import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { LakeEngine, ProfileRequest, ProfileResult, RewriteResult } from './ports.ts';

const markRow = z.object({ name: z.string(), value: z.string() });

/**
 * Metadata of lake files whose format has no place for any, such as lines of JSON. A mark speaks of a content, and is found by its
 * SHA-256: it goes with a file that is renamed, copied or restored, and never stays with one that somebody wrote anew.
 */
export class ContentMarks {
  readonly #em: EntityManager;

  constructor(em: EntityManager) {
    this.#em = em;
  }

  /** What a file tells of itself, and what is known of its content beside. */
  async profile(engine: Pick<LakeEngine, 'profile'>, request: ProfileRequest): Promise<ProfileResult> {
    const profile = await engine.profile(request);
    if (profile.contentSha256 === undefined) return profile;
    return { ...profile, metadata: { ...profile.metadata, ...(await this.of(profile.contentSha256)) } };
  }

  /** What is known of a content. */
  async of(sha256: string): Promise<Readonly<Record<string, string>>> {
    const rows = await this.#em.fork().execute('select name, value from lake_content_mark where sha256 = ?', [sha256]);
    return Object.fromEntries(rows.map((row) => markRow.parse(row)).map(({ name, value }) => [name, value]));
  }

  /** Writes down what is known of a content, before there is a file of it. */
  async put(sha256: string, marks: Readonly<Record<string, string>>): Promise<void> {
    await this.#em.fork().execute(
      `insert into lake_content_mark (sha256, name, value, created_at)
       select ?, name, value, now() from jsonb_each_text(?::jsonb) as added(name, value)
       on conflict (sha256, name) do update set value = excluded.value`,
      [sha256, JSON.stringify(marks)],
    );
  }

  /**
   * Writes down what is known of a staged copy: what is known of its source, and `added`. It has to be called before the swap, so
   * that no kill leaves a content without its marks; of a content that never comes to a file they say nothing wrong.
   */
  async carry(
    { sourceSha256, stagedSha256 }: Pick<RewriteResult, 'sourceSha256' | 'stagedSha256'>,
    added: Readonly<Record<string, string>>,
  ): Promise<void> {
    if (sourceSha256 === undefined || stagedSha256 === null) return;
    await this.put(stagedSha256, added);
    await this.#em.fork().execute(
      `insert into lake_content_mark (sha256, name, value, created_at)
       select ?, name, value, now() from lake_content_mark where sha256 = ?
       on conflict (sha256, name) do nothing`,
      [stagedSha256, sourceSha256],
    );
  }
}

/** @throws LinewardError LAKE_FILE_CHANGED when a copy was not made of the content that a profile told of. */
export function expectContentOf(profile: ProfileResult, { sourceSha256 }: RewriteResult): void {
  if (profile.contentSha256 === sourceSha256) return;
  throw new LinewardError('LAKE_FILE_CHANGED', 'The lake file changed while it was copied.');
}
