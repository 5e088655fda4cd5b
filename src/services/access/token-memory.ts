import type { Role } from '../../domain/access/role.ts';
import { Turns } from '../../domain/turns.ts';

/** A token that is good. */
export interface FoundToken {
  /** The name that it acts under. */
  readonly id: string;
  readonly roles: readonly Role[];
  /** Until it is over; null when it is good until it is revoked. */
  readonly msLeft: number | null;
}

interface Remembered {
  readonly token: FoundToken | null;
  /** By the clock of this process: when the token is over, or has to be looked up anew. */
  readonly untilMs: number;
}

/** Tokens that a process keeps in mind, and as many texts that are none. */
const rememberedMax = 10_000;
/** A revocation is told at once; this is for when the telling is lost. */
const rememberedMs = 30_000;
/** A flood of wrong tokens, each another one, must leave connections to those who are let in. */
const lookupsAtOnce = 4;

/**
 * Keeps in mind which tokens are good and which are not, so that the database is asked once for each in a while, whoever asks
 * and however many at once. Tokens by their digests.
 */
export class TokenMemory {
  readonly #read: (digest: string) => Promise<FoundToken | null>;
  readonly #good = new Map<string, Remembered>();
  /** Apart, so that who sends wrong ones pushes no good one out. */
  readonly #wrong = new Map<string, Remembered>();
  readonly #underWay = new Map<string, Promise<FoundToken | null>>();
  readonly #turns = new Turns(lookupsAtOnce);

  constructor(read: (digest: string) => Promise<FoundToken | null>) {
    this.#read = read;
  }

  /** Null for a token that is not good. At once where that is known. */
  find(digest: string): FoundToken | null | Promise<FoundToken | null> {
    const remembered = this.#good.get(digest) ?? this.#wrong.get(digest);
    if (remembered !== undefined && Date.now() < remembered.untilMs) return remembered.token;
    return this.#underWay.get(digest) ?? this.#lookUp(digest);
  }

  /** Also a look-up that is under way is forgotten: it may have read what was before. */
  forget(digest: string): void {
    for (const memory of [this.#good, this.#wrong, this.#underWay]) memory.delete(digest);
  }

  forgetAll(): void {
    for (const memory of [this.#good, this.#wrong, this.#underWay]) memory.clear();
  }

  #lookUp(digest: string): Promise<FoundToken | null> {
    this.forget(digest);
    const lookup = this.#turns
      .take(() => this.#read(digest))
      .then((token) => {
        if (this.#underWay.get(digest) === lookup) this.#remember(digest, token);
        return token;
      })
      .finally(() => {
        if (this.#underWay.get(digest) === lookup) this.#underWay.delete(digest);
      });
    this.#underWay.set(digest, lookup);
    return lookup;
  }

  #remember(digest: string, token: FoundToken | null): void {
    const memory = token === null ? this.#wrong : this.#good;
    const [oldest] = memory.keys();
    if (memory.size >= rememberedMax && oldest !== undefined) memory.delete(oldest);
    memory.set(digest, { token, untilMs: Date.now() + Math.min(rememberedMs, token?.msLeft ?? rememberedMs) });
  }
}
