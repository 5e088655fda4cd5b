import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Logger } from '../../domain/logger.ts';
import { LinewardError } from '../../errors/lineward-error.ts';

/** Paths of PEM files. */
export interface CertificatePaths {
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities of the certificates of clients; null where none is asked for. */
  readonly clientCaFile: string | null;
}

/** What a listener proves itself with, PEM, and whose certificates it asks of clients. */
export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer | undefined;
}

/** How often the files are looked at: authorities renew certificates days before they are over. */
const lookMs = 60_000;
/** Old enough that a renewal should have happened. */
const soonMs = 7 * 86_400_000;
const remindMs = 86_400_000;

const settings = { cert: 'TLS_CERT_FILE', key: 'TLS_KEY_FILE', ca: 'TLS_CLIENT_CA_FILE' } as const;

/** The certificate of the listeners, from files that others renew while the process runs. */
export class CertificateFiles {
  readonly #paths: CertificatePaths;
  readonly #logger: Logger;
  readonly #followers: ((renewed: Certificate) => void)[] = [];
  readonly #timer: NodeJS.Timeout;
  #current: Certificate;
  #looking = Promise.resolve();
  #remindedAtMs = Date.now();

  /** @throws LinewardError CONFIG_INVALID naming the setting of a file that cannot be used. */
  static async open(paths: CertificatePaths, logger: Logger, intervalMs = lookMs): Promise<CertificateFiles> {
    const current = await read(paths);
    warnOfEnd(current, logger);
    return new CertificateFiles(paths, { current, logger, intervalMs });
  }

  private constructor(
    paths: CertificatePaths,
    { current, logger, intervalMs }: { current: Certificate; logger: Logger; intervalMs: number },
  ) {
    this.#paths = paths;
    this.#current = current;
    this.#logger = logger;
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#look());
    }, intervalMs).unref();
  }

  get current(): Certificate {
    return this.#current;
  }

  /** Calls `follower` with each certificate that takes the place of the current one. */
  onRenewal(follower: (renewed: Certificate) => void): void {
    this.#followers.push(follower);
  }

  /** Each day anew: a renewal that fails changes no file. */
  #remind(): void {
    if (Date.now() - this.#remindedAtMs < remindMs) return;
    this.#remindedAtMs = Date.now();
    warnOfEnd(this.#current, this.#logger);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  /** Files that fit together no more are being written, or broken: the current certificate stays. */
  async #look(): Promise<void> {
    try {
      const found = await read(this.#paths);
      if (isSame(found, this.#current)) return this.#remind();
      for (const follower of this.#followers) follower(found);
      this.#current = found;
      this.#logger.info({ until: endOf(found) }, 'the certificate of the listeners was renewed');
      this.#remindedAtMs = Date.now();
      warnOfEnd(found, this.#logger);
    } catch (error) {
      this.#logger.warn({ error }, 'the certificate of the listeners could not be read again; the one before stays');
    }
  }
}

function expectAuthorities(ca: Buffer | undefined): void {
  if (ca === undefined) return;
  const text = ca.toString('latin1');
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/gu) ?? [];
  const begun = text.split('-----BEGIN').length - 1;
  try {
    if (blocks.length === 0 || blocks.length !== begun) throw new RangeError('a block is no certificate, or not whole');
    for (const block of blocks) new X509Certificate(block);
  } catch (cause) {
    throw invalid('ca', 'has no certificates of authorities in PEM, or one that is not whole', cause);
  }
}

async function read({ certFile, keyFile, clientCaFile }: CertificatePaths): Promise<Certificate> {
  const [cert, key, ca] = await Promise.all([
    pem('cert', certFile),
    pem('key', keyFile),
    clientCaFile === null ? undefined : pem('ca', clientCaFile),
  ]);
  const certificate = { cert, key, ca };
  for (const [name, of] of [
    ['cert', { cert }],
    ['key', { key }],
  ] as const)
    expectUsable(of, name, 'is not in PEM, or not what it should be');
  expectAuthorities(ca);
  expectUsable({ cert, key }, 'key', `is not the key of ${settings.cert}`);
  return certificate;
}

async function pem(name: keyof typeof settings, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    throw invalid(name, `${path} cannot be read (${code})`, cause);
  }
}

function expectUsable(options: Partial<Certificate>, name: keyof typeof settings, fault: string): void {
  try {
    createSecureContext(options);
  } catch (cause) {
    throw invalid(name, fault, cause);
  }
}

function invalid(name: keyof typeof settings, fault: string, cause: unknown): LinewardError {
  const setting = settings[name];
  return new LinewardError('CONFIG_INVALID', `${setting}: ${fault}.`, { path: [setting], cause });
}

const isSame = (one: Certificate, other: Certificate): boolean =>
  (['cert', 'key', 'ca'] as const).every((name) => one[name]?.toString() === other[name]?.toString());

/** The end of the certificate itself, which is the first of its file. */
const endOf = ({ cert }: Certificate): Date => new X509Certificate(cert).validToDate;

function warnOfEnd(certificate: Certificate, logger: Logger): void {
  const until = endOf(certificate);
  if (until.getTime() - Date.now() < soonMs)
    logger.warn({ until }, 'the certificate of the listeners is over, or soon will be; renew TLS_CERT_FILE');
}
