import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { recordValues } from '../changes/value-history.ts';

const aliasPattern = /^[\w.-]{1,255}$/;
const aliasesMax = 100;

function assertAlias(alias: string, index: number): void {
  const path = ['aliases', String(index)];
  if (!aliasPattern.test(alias))
    throw new LinewardError('BAD_INPUT', `${path.join('.')}: an alias has 1 to 255 letters, digits, "_", "." or "-"`, {
      path,
    });
}

/** @throws LinewardError BAD_INPUT with the place of the first that is no alias */
export function assertAliases(aliases: readonly string[]): void {
  aliases.forEach(assertAlias);
}

/**
 * Gives an entity further names; answers those that are new.
 * @throws LinewardError ALREADY_EXISTS when one belongs to another entity, LIMIT_EXCEEDED
 */
export async function addAliases(
  tx: EntityManager,
  actor: Actor,
  { entityId, aliases }: { readonly entityId: string; readonly aliases: readonly string[] },
): Promise<readonly string[]> {
  if (aliases.length === 0) return [];
  // Held until the transaction ends, so that the history tells each change upon the one before.
  await tx.execute('select 1 from entity where id = ? for no key update', [entityId]);
  // In one order for all callers, so that two that want the same names wait for each other and not in a ring.
  const wanted = [...new Set(aliases)].sort();
  const added: string[] = [];
  for (const alias of wanted) {
    const rows = await tx.execute(
      'insert into entity_alias (alias, entity_id) values (?, ?) on conflict do nothing returning alias',
      [alias, entityId],
    );
    if (rows.length > 0) added.push(alias);
  }
  const owned = await aliasesOf(tx, entityId);
  const own = new Set(owned);
  const taken = aliases.findIndex((alias) => !own.has(alias));
  if (taken >= 0) {
    const path = ['aliases', String(taken)];
    throw new LinewardError('ALREADY_EXISTS', `${path.join('.')}: the alias belongs to another entity`, { path });
  }
  if (own.size > aliasesMax)
    throw new LinewardError('LIMIT_EXCEEDED', `aliases: an entity has at most ${aliasesMax}`, { path: ['aliases'] });
  const before = owned.filter((alias) => !added.includes(alias));
  await recordValues(tx, actor, { type: 'Entity', id: entityId, parts: { aliases: [before, owned] } });
  return added;
}

/** The further names of an entity, in order. */
export async function aliasesOf(tx: EntityManager, entityId: string): Promise<readonly string[]> {
  const rows = await tx.execute<{ alias: string }[]>(
    'select alias from entity_alias where entity_id = ? order by alias collate "C"',
    [entityId],
  );
  return rows.map(({ alias }) => alias);
}
