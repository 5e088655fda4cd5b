import { hash as hashOf } from 'node:crypto';

const leafMark = Buffer.of(0);
const nodeMark = Buffer.of(1);

/**
 * The root of a Merkle tree over hashes (hex) as RFC 6962 §2.1 builds it, leaf by leaf: it holds one hash for each complete
 * subtree, so its memory grows with the logarithm of the leaves.
 */
export class MerkleRoot {
  /** Complete subtrees from left to right, each of fewer leaves than the one before. */
  readonly #subtrees: { readonly leaves: number; readonly hash: Buffer }[] = [];

  add(leaf: string): void {
    let subtree = { leaves: 1, hash: digest(leafMark, Buffer.from(leaf, 'hex')) };
    for (let left = this.#subtrees.at(-1); left?.leaves === subtree.leaves; left = this.#subtrees.at(-1)) {
      this.#subtrees.pop();
      subtree = { leaves: 2 * left.leaves, hash: digest(nodeMark, left.hash, subtree.hash) };
    }
    this.#subtrees.push(subtree);
  }

  /** Hex; the hash of nothing for a tree without leaves. */
  root(): string {
    const right = this.#subtrees.at(-1);
    if (right === undefined) return digest().toString('hex');
    const root = this.#subtrees.slice(0, -1).reduceRight((sum, { hash }) => digest(nodeMark, hash, sum), right.hash);
    return root.toString('hex');
  }
}

const digest = (...parts: readonly Buffer[]): Buffer => hashOf('sha256', Buffer.concat(parts), 'buffer');
