import { createPublicKey, verify } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';

/** Something that this installation says and answers for. What it is, its body says in `type`. */
export interface SignedStatement<Body = unknown> {
  readonly body: Body;
  /** Ed25519 over the UTF-8 bytes of the canonical JSON (RFC 8785) of `body`, base64. */
  readonly signature: string;
  /** SPKI DER, base64. */
  readonly publicKey: string;
}

/** True when the signature is of this body by this key. Whose key it is, the reader must know by other means. */
export function signatureHolds({ body, signature, publicKey }: SignedStatement): boolean {
  try {
    const given = Buffer.from(publicKey, 'base64');
    const key = createPublicKey({ key: given, format: 'der', type: 'spki' });
    // One key, one spelling: a reader of DER passes over bits that mean nothing.
    if (key.asymmetricKeyType !== 'ed25519' || !key.export({ format: 'der', type: 'spki' }).equals(given)) return false;
    return verify(null, Buffer.from(canonicalJson(body)), key, Buffer.from(signature, 'base64'));
  } catch {
    return false;
  }
}
