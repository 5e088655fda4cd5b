import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto as typeof globalThis.crypto);

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const keys = (): Promise<webcrypto.CryptoKeyPair> => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
const day = 86_400_000;

/** Certificate and key, PEM. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority that nobody else knows. */
export interface TestAuthority {
  readonly cert: string;
  /** For 127.0.0.1, or a client; good for `days` from now. */
  issue(name: string, days?: number): Promise<TestCertificate>;
}

export async function testAuthority(): Promise<TestAuthority> {
  const own = await keys();
  const issuer = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=authority of tests',
    keys: own,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + 30 * day),
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  return {
    cert: issuer.toString('pem'),
    async issue(name, days = 20) {
      const pair = await keys();
      const cert = await x509.X509CertificateGenerator.create({
        subject: `CN=${name}`,
        issuer: issuer.subject,
        publicKey: pair.publicKey,
        signingKey: own.privateKey,
        signingAlgorithm: algorithm,
        notBefore: new Date(Date.now() - day),
        notAfter: new Date(Date.now() + days * day),
        extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
      });
      const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', pair.privateKey), 'PRIVATE KEY');
      return { cert: cert.toString('pem'), key };
    },
  };
}

/** Paths of the files with what a listener needs. */
export async function writeCertificate(directory: string, { cert, key }: TestCertificate) {
  const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  await writeFile(certFile, cert);
  await writeFile(keyFile, key);
  return { certFile, keyFile };
}
