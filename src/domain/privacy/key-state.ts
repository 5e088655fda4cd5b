/** States of a key after NIST SP 800-57 part 1: made ahead, encrypting, decrypting only, gone. */
export const keyStates = ['PRE_ACTIVE', 'ACTIVE', 'RETIRED', 'DESTROYED'] as const;
export type KeyState = (typeof keyStates)[number];

/** Values that one process may encrypt under a key before it asks again. */
export const leaseBlock = 2 ** 20;

/** A key that encrypted so many values is replaced, and so is one that is so old. */
const rotationCount = 2 ** 31;
const rotationAgeMs = 90 * 24 * 60 * 60 * 1_000;

/** From here on a key refuses: random 96-bit IVs allow 2^32 messages (NIST SP 800-38D, 8.3), less a tenth for blocks under way. */
export const messageCap = Math.floor(0.9 * 2 ** 32);

/** True when a key should be followed by a new version. */
export function isDueForRotation(
  key: { readonly encCount: number; readonly activatedAt: Date | null | undefined },
  now: Date,
): boolean {
  const ageMs = key.activatedAt == null ? 0 : now.getTime() - key.activatedAt.getTime();
  return key.encCount >= rotationCount || ageMs >= rotationAgeMs;
}

/** What may be told of a version of a key. */
export interface AccountKeyView {
  readonly id: string;
  readonly accountId: string;
  /** Null for the account's own key. */
  readonly subjectScope: string | null;
  readonly keyVersion: number;
  readonly state: KeyState;
  readonly kekId: string;
  readonly encCount: number;
  readonly createdAt: Date;
  readonly activatedAt: Date | null;
  readonly retiredAt: Date | null;
  readonly destroyedAt: Date | null;
}
