import { type SignedStatement, signatureHolds } from '../domain/signed-statement.ts';
import { LinewardError } from '../errors/lineward-error.ts';

/**
 * Checks that a file is what its signer says; `what` names the statement about it. Null for `trustedKey` takes any key.
 * @throws LinewardError CERTIFICATE_INVALID
 */
export function assertSigned(
  file: string,
  signed: SignedStatement,
  { what, trustedKey }: { readonly what: string; readonly trustedKey: string | null },
): void {
  if (!signatureHolds(signed)) throw invalid(file, `the signature does not fit its ${what}`);
  if (trustedKey !== null && trustedKey !== signed.publicKey)
    throw invalid(file, 'it is signed by another key than the one you trust');
}

/** Lines that tell whose key signed a file. */
export function signerLines({ publicKey }: SignedStatement, trustedKey: string | null): readonly string[] {
  const whose =
    trustedKey === null ? 'whose key signed it, check by another way: --public-key' : 'signed by the key you trust';
  return [`key          ${publicKey}`, `             ${whose}`];
}

/** The error of a file that is not what was signed. */
export const invalid = (file: string, why: string): LinewardError =>
  new LinewardError('CERTIFICATE_INVALID', `${file}: ${why}`);

/** The value of a JSON text; null for what is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
