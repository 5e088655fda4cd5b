import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CertificateFiles } from '../../../src/adapters/tls/certificate-files.ts';
import { eventually } from '../../testkit/app.ts';
import { type TestAuthority, testAuthority, writeCertificate } from '../../testkit/certificates.ts';

let directory: string;
let authority: TestAuthority;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lineward-tls-'));
  authority = await testAuthority();
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const silent = pino({ level: 'silent' });
const nameSeen = (port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca: authority.cert }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.end();
    });
    socket.on('error', reject);
  });

test('a renewed certificate is taken up by a server that listens; files that do not fit together are not', async () => {
  const lines: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const paths = { ...(await writeCertificate(directory, await authority.issue('first'))), clientCaFile: null };
  const files = await CertificateFiles.open(paths, logger, 20);
  const server = createServer({ ...files.current });
  files.onRenewal((renewed) => server.setSecureContext({ ...renewed }));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    expect(await nameSeen(port)).toBe('first');
    const second = await authority.issue('second', 3);
    await writeFile(paths.certFile, second.cert);
    await eventually(
      async () => lines.join(''),
      (log) => log.includes('could not be read again'),
    );
    expect(await nameSeen(port)).toBe('first');
    await writeFile(paths.keyFile, second.key);
    await eventually(
      () => nameSeen(port),
      (name) => name === 'second',
    );
    // Three days are less than a renewal should leave.
    expect(lines.join('')).toContain('soon will be');
    expect(lines.join('')).not.toContain('PRIVATE KEY');
  } finally {
    await files.close();
    server.close();
  }
});

test.each([
  ['certFile', '/nowhere/cert.pem', /^TLS_CERT_FILE: \/nowhere\/cert\.pem cannot be read \(ENOENT\)/],
  ['keyFile', '/nowhere/key.pem', /^TLS_KEY_FILE: .* cannot be read \(ENOENT\)/],
  ['clientCaFile', '/nowhere/ca.pem', /^TLS_CLIENT_CA_FILE: .* cannot be read \(ENOENT\)/],
])('a %s that is not there is named', async (name, path, message) => {
  const paths = { ...(await writeCertificate(directory, await authority.issue('one'))), clientCaFile: null };
  await expect(CertificateFiles.open({ ...paths, [name]: path }, silent)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(message),
  });
});

test('authorities of clients are certificates, each of them whole', async () => {
  const paths = await writeCertificate(directory, await authority.issue('one'));
  const clientCaFile = join(directory, 'ca.pem');
  const { key } = await authority.issue('other');
  for (const text of ['', 'CANARY', key, authority.cert.slice(0, -40), `${authority.cert}\n${key}`]) {
    await writeFile(clientCaFile, text);
    await expect(CertificateFiles.open({ ...paths, clientCaFile }, silent)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/^TLS_CLIENT_CA_FILE: has no certificates/),
    });
  }
  await writeFile(clientCaFile, `# two of them\n${authority.cert}\n${(await testAuthority()).cert}\n`);
  await (await CertificateFiles.open({ ...paths, clientCaFile }, silent)).close();
});

test('what is no certificate, and the key of another one, are refused without a word of their content', async () => {
  const [one, other] = [await authority.issue('one'), await authority.issue('other')];
  for (const [pair, setting] of [
    [{ cert: 'CANARY', key: one.key }, 'TLS_CERT_FILE'],
    [{ cert: one.cert, key: 'CANARY' }, 'TLS_KEY_FILE'],
    [{ cert: one.cert, key: other.key }, 'TLS_KEY_FILE'],
  ] as const) {
    const paths = { ...(await writeCertificate(directory, pair)), clientCaFile: null };
    const fault: Error = await CertificateFiles.open(paths, silent).then(
      () => new Error('opened'),
      (error) => error,
    );
    expect(fault.message).toMatch(new RegExp(`^${setting}: is not`));
    expect(`${fault.message}${fault.cause}`).not.toMatch(/CANARY|BEGIN/);
  }
});
