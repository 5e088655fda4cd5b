import { randomBytes } from 'node:crypto';
import type { KeyProvider } from '../../services/privacy/ports.ts';
import { keyUnavailable } from './key-errors.ts';

/** Wraps and unwraps a random key: the only proof that both are permitted, and that the answers are right. */
export async function checkRoundTrip(provider: KeyProvider, holder: string): Promise<void> {
  const key = randomBytes(32);
  const back = await provider.unwrap(await provider.wrap(key));
  if (!back.equals(key)) throw keyUnavailable(holder, 'a key came back changed');
}
