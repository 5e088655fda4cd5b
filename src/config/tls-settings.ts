import { resolve } from 'node:path';
import { z } from 'zod';

const pemFile = (description: string) =>
  z
    .string()
    .min(1)
    .transform((path) => resolve(path))
    .optional()
    .describe(description);

/** Settings of TLS on the three listeners. */
export const tlsSettings = {
  TLS_CERT_FILE: pemFile(
    'Certificate of the three listeners and what leads to its authority, PEM. They then speak HTTPS alone, TLS 1.2 or later. A renewed file is taken up within a minute. Unset: HTTP.',
  ),
  TLS_KEY_FILE: pemFile('Private key of `TLS_CERT_FILE`, PEM, without a passphrase.'),
  TLS_CLIENT_CA_FILE: pemFile(
    'Authorities, PEM, of which clients must show a certificate, beside what they authenticate with. Unset: none is asked for.',
  ),
  TLS_HSTS_SECONDS: z.coerce
    .number()
    .int()
    .min(0)
    .max(63_072_000)
    .default(31_536_000)
    .describe(
      'With a certificate: how long browsers hold the host, on all its ports, to HTTPS, seconds. 0: not at all.',
    ),
};

type Given = Readonly<Record<string, string | undefined>>;

export function tlsProblems({ TLS_CERT_FILE, TLS_KEY_FILE, TLS_CLIENT_CA_FILE }: Given): readonly string[] {
  if (TLS_CERT_FILE !== undefined)
    return TLS_KEY_FILE === undefined ? ['TLS_KEY_FILE: is required with TLS_CERT_FILE'] : [];
  if (TLS_KEY_FILE !== undefined) return ['TLS_CERT_FILE: is required with TLS_KEY_FILE'];
  return TLS_CLIENT_CA_FILE === undefined ? [] : ['TLS_CERT_FILE: is required with TLS_CLIENT_CA_FILE'];
}

/** The files of a certificate, as absolute paths. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile: string | null;
}

/** Null for listeners that speak HTTP. */
export function tlsOf({
  TLS_CERT_FILE: certFile,
  TLS_KEY_FILE: keyFile,
  TLS_CLIENT_CA_FILE: clientCaFile = null,
}: {
  readonly [Name in 'TLS_CERT_FILE' | 'TLS_KEY_FILE' | 'TLS_CLIENT_CA_FILE']?: string | null | undefined;
}): TlsFiles | null {
  return certFile == null || keyFile == null ? null : { certFile, keyFile, clientCaFile };
}
