import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { CertificateBody } from '../domain/operations/certificate.ts';
import { signatureHolds } from '../domain/signed-statement.ts';
import { LinewardError } from '../errors/lineward-error.ts';

const fileSchema = z.object({
  body: z.looseObject({ type: z.literal('lineward.certificate'), version: z.literal(1) }),
  signature: z.string(),
  publicKey: z.string(),
});

/**
 * Checks the certificate in a file, `{body, signature, publicKey}` as GraphQL hands it out, from the file alone.
 * `trustedKey` is the base64 public key that must have signed it; without one only the signature is checked.
 * @throws LinewardError CERTIFICATE_INVALID, BAD_INPUT when the file cannot be read.
 */
export async function verifyCertificate(path: string, trustedKey: string | null): Promise<string> {
  const file = await readCertificate(path);
  if (!signatureHolds(file)) {
    throw new LinewardError(
      'CERTIFICATE_INVALID',
      `${path}: the signature does not fit the content; it was changed or is not of this key.`,
    );
  }
  const fingerprint = createHash('sha256').update(Buffer.from(file.publicKey, 'base64')).digest('hex');
  if (trustedKey !== null && trustedKey !== file.publicKey) {
    throw new LinewardError(
      'CERTIFICATE_INVALID',
      `${path}: signed by another key (${fingerprint.slice(0, 16)}…) than the one given.`,
    );
  }
  const body = file.body as unknown as CertificateBody;
  const trust = trustedKey === null ? 'whose it is, check by another way: --public-key' : 'the key you trust';
  return [
    `valid    certificate of operation ${body.operationId}, ${body.kind}, round ${body.round}`,
    `outcome  ${body.outcome}${body.open.length > 0 ? ` with ${body.open.length} open point(s)` : ''}`,
    `erased   ${body.totals.recordsErased} records in ${body.targets.length} place(s); survivors ${body.totals.survivors}, lost ${body.totals.lost}`,
    `signed   ${body.issuedAt} by key ${fingerprint.slice(0, 16)}… (${trust})`,
  ].join('\n');
}

async function readCertificate(path: string) {
  try {
    return fileSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new LinewardError(
      'BAD_INPUT',
      `${path} is not a certificate file: JSON with "body", "signature" and "publicKey".`,
      { cause },
    );
  }
}
