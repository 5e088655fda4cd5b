import type { Actor } from '../../domain/access/actor.ts';
import type { SemanticTypes } from '../../domain/privacy/semantic-type.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccessGuard } from '../access/access-guard.ts';

interface CryptoAsk {
  readonly actor: Actor;
  readonly action: 'ENCRYPT' | 'DECRYPT';
  readonly types: SemanticTypes;
  readonly purpose?: string;
}

/**
 * What policies say of values of an account and a semantic type, decided once for each of both. The type of an envelope is
 * known to be true once it opens, which it must before anything of it goes out.
 * @throws LinewardError FORBIDDEN from the function that it answers.
 */
export function cryptoPermits(
  access: Pick<AccessGuard, 'mayWith'>,
  { actor, action, types, purpose }: CryptoAsk,
): (account: string, semanticType: string) => void {
  const decided = new Map<string, boolean>();
  return (account, semanticType) => {
    const key = JSON.stringify([account, semanticType]);
    const classifications = types.find(semanticType)?.classifications ?? [];
    const resource = { account, classifications, ...(purpose === undefined ? {} : { purpose }) };
    const allowed = decided.get(key) ?? access.mayWith(actor, action, resource, 'values of an account');
    decided.set(key, allowed);
    if (!allowed) throw new LinewardError('FORBIDDEN');
  };
}
