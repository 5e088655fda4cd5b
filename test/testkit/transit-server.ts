import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * The transit engine of Vault, as far as its HTTP API documents it: AES-256-GCM keys with versions, their creation, rotation
 * and configuration, `encrypt`, `decrypt`, `rewrap`, tokens, a namespace and sealing. It stands in for a real one because none
 * can be had from a package registry, and building the engine from its Go module takes minutes and a Go toolchain. Status
 * codes and texts were compared with those of the engine of Vault 1.21.4; `authenticationStatus` 500 is how other
 * releases answer (hashicorp/vault#10842).
 */
export interface TransitServer {
  readonly url: string;
  readonly token: string;
  sealed: boolean;
  authenticationStatus: 400 | 500;
  stop(): Promise<void>;
}

interface TransitKey {
  readonly versions: Buffer[];
  minDecryptionVersion: number;
}
type Answer = readonly [status: number, body: unknown];
type Body = Readonly<Record<string, unknown>>;

class Refusal extends Error {
  readonly status: number;
  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

interface Options {
  readonly namespace?: string;
  readonly mount?: string;
}

export async function startTransitServer({ namespace, mount = 'transit' }: Options = {}): Promise<TransitServer> {
  const token = `hvs.${randomBytes(18).toString('base64url')}`;
  const engine = new Engine();

  const answerOf = async (request: IncomingMessage): Promise<Answer> => {
    const { pathname } = new URL(request.url ?? '/', 'http://transit');
    if (transit.sealed) throw new Refusal(503, 'Vault is sealed');
    if (request.headers['x-vault-token'] !== token)
      throw new Refusal(403, '2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n');
    const path = pathname.slice('/v1/'.length);
    if (!path.startsWith(`${mount}/`) || request.headers['x-vault-namespace'] !== namespace)
      throw new Refusal(404, `no handler for route "${path}". route entry not found.`);
    const [verb, name, part] = path
      .slice(mount.length + 1)
      .split('/')
      .map(decodeURIComponent);
    if (request.method !== 'POST' && request.method !== 'PUT')
      throw new Refusal(405, '1 error occurred:\n\t* unsupported operation\n\n');
    return engine.answer(
      [verb, part].filter((word) => word !== undefined).join(' '),
      name ?? '',
      await bodyOf(request),
    );
  };
  const server = createServer(async (request, response) => {
    const [status, body] = await answerOf(request).catch((error: unknown): Answer => {
      if (error instanceof Refusal) return [error.status, { errors: [error.message] }];
      return [500, { errors: [`1 error occurred:\n\t* ${String(error)}\n\n`] }];
    });
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const transit: TransitServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    sealed: false,
    get authenticationStatus() {
      return engine.authenticationStatus;
    },
    set authenticationStatus(status) {
      engine.authenticationStatus = status;
    },
    async stop() {
      server.close();
      server.closeAllConnections();
    },
  };
  return transit;
}

async function bodyOf(request: IncomingMessage): Promise<Body> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString();
  return text === '' ? {} : (JSON.parse(text) as Body);
}

class Engine {
  authenticationStatus: 400 | 500 = 400;
  readonly #keys = new Map<string, TransitKey>();

  answer(verb: string, name: string, body: Body): Answer {
    switch (verb) {
      case 'keys':
        this.#made(name);
        return [200, { data: { name, type: 'aes256-gcm96' } }];
      case 'keys rotate':
        this.#known(name, 'key not found').versions.push(randomBytes(32));
        return [200, { data: { name, latest_version: this.#known(name).versions.length } }];
      case 'keys config':
        this.#known(name).minDecryptionVersion = Number(body.min_decryption_version);
        return [200, { data: { name } }];
      case 'encrypt':
        // As with a token that may create: the engine makes the key that it does not know.
        return [200, { data: encrypted(this.#made(name), decoded(body.plaintext)) }];
      case 'decrypt':
        return [200, { data: { plaintext: this.#decrypted(name, body).toString('base64') } }];
      case 'rewrap':
        return [200, { data: encrypted(this.#known(name), this.#decrypted(name, body)) }];
      default:
        throw new Refusal(404, '1 error occurred:\n\t* unsupported path\n\n');
    }
  }

  #made(name: string): TransitKey {
    const key = this.#keys.get(name) ?? { versions: [randomBytes(32)], minDecryptionVersion: 1 };
    this.#keys.set(name, key);
    return key;
  }

  #known(name: string, otherwise = 'encryption key not found'): TransitKey {
    const key = this.#keys.get(name);
    if (key === undefined) throw new Refusal(400, otherwise);
    return key;
  }

  #decrypted(name: string, { ciphertext }: Body): Buffer {
    if (typeof ciphertext !== 'string' || ciphertext === '') throw new Refusal(400, 'missing ciphertext to decrypt');
    const { versions, minDecryptionVersion } = this.#known(name);
    if (!ciphertext.startsWith('vault:v')) throw new Refusal(400, 'invalid ciphertext: no prefix');
    const [number = '', base64] = split(ciphertext.slice('vault:v'.length));
    if (base64 === undefined) throw new Refusal(400, 'invalid ciphertext: wrong number of fields');
    if (!/^[+-]?\d+$/.test(number)) throw new Refusal(400, 'invalid ciphertext: version number could not be decoded');
    const version = Number(number) || 1;
    if (version > versions.length) throw new Refusal(400, 'invalid ciphertext: version is too new');
    if (version < minDecryptionVersion)
      throw new Refusal(400, 'ciphertext or signature version is disallowed by policy (too old)');
    const key = versions[version - 1];
    if (key === undefined) throw new Refusal(400, 'no such key version');
    return this.#opened(key, base64);
  }

  #opened(key: Buffer, base64: string): Buffer {
    const bytes = Buffer.from(base64, 'base64');
    if (bytes.toString('base64') !== base64) throw new Refusal(400, 'invalid ciphertext: could not decode base64');
    if (bytes.length < 12) throw new Refusal(400, 'invalid ciphertext length');
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 });
      decipher.setAuthTag(bytes.subarray(-16));
      return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
    } catch {
      const text = 'cipher: message authentication failed';
      if (this.authenticationStatus === 400) throw new Refusal(400, text);
      throw new Refusal(500, `1 error occurred:\n\t* ${text}\n\n`);
    }
  }
}

function split(text: string): [string, string | undefined] {
  const colon = text.indexOf(':');
  return colon === -1 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)];
}

function decoded(plaintext: unknown): Buffer {
  if (typeof plaintext !== 'string') throw new Refusal(400, 'missing plaintext to encrypt');
  const bytes = Buffer.from(plaintext, 'base64');
  if (bytes.toString('base64') !== plaintext) throw new Refusal(400, 'illegal base64 data at input byte 0');
  return bytes;
}

function encrypted({ versions }: TransitKey, plaintext: Buffer): { ciphertext: string; key_version: number } {
  const [version, iv] = [versions.length, randomBytes(12)];
  const cipher = createCipheriv('aes-256-gcm', versions.at(-1) ?? Buffer.alloc(0), iv);
  const bytes = Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  return { ciphertext: `vault:v${version}:${bytes.toString('base64')}`, key_version: version };
}
