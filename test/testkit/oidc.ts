import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

/** A provider that publishes an RSA key `r` and an elliptic key `e`, and signs whatever it is told. */
export async function oidcServer() {
  const [rsa, ec] = await Promise.all([generateKeyPair('RS256'), generateKeyPair('ES256')]);
  const keys = [
    { ...(await exportJWK(rsa.publicKey)), kid: 'r', alg: 'RS256', use: 'sig' },
    { ...(await exportJWK(ec.publicKey)), kid: 'e', alg: 'ES256', use: 'sig' },
  ];
  const state = { isDown: false, namedIssuer: null as string | null };
  let issuer = '';
  const server = createServer((request, response) => {
    if (state.isDown) return response.writeHead(503).end();
    const pages: Readonly<Record<string, unknown>> = {
      '/keys': { keys },
      '/.well-known/openid-configuration': { issuer: state.namedIssuer ?? issuer, jwks_uri: `${issuer}/keys` },
    };
    const page = pages[request.url ?? ''];
    response.writeHead(page === undefined ? 404 : 200, { 'content-type': 'application/json' });
    return response.end(JSON.stringify(page ?? null));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const claims = (over: JWTPayload = {}): JWTPayload => ({
    ...{ iss: issuer, aud: 'lineward', sub: 'ann', exp: Math.floor(Date.now() / 1_000) + 300 },
    ...over,
  });
  return {
    issuer,
    rsa,
    ec,
    state,
    claims,
    signed: (payload: JWTPayload, header: object = {}, key: (typeof rsa)['privateKey'] | Uint8Array = rsa.privateKey) =>
      new SignJWT(payload).setProtectedHeader({ alg: 'RS256', kid: 'r', ...header }).sign(key),
    stop: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
