import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OidcProvider } from '../../../src/adapters/access/oidc-provider.ts';
import { oidcServer } from '../../testkit/oidc.ts';

let server: Awaited<ReturnType<typeof oidcServer>>;
let stranger: Awaited<ReturnType<typeof generateKeyPair>>;

beforeAll(async () => {
  server = await oidcServer();
  stranger = await generateKeyPair('RS256');
});
afterAll(() => server?.stop());

const provider = (rolesClaim = 'roles') =>
  new OidcProvider({ issuer: server.issuer, audience: 'lineward', rolesClaim });
const seconds = (from: number): number => Math.floor(Date.now() / 1_000) + from;
const claims = (over: JWTPayload = {}): JWTPayload =>
  server.claims({ roles: ['legal', 'viewer', 'superman'], ...over });
const signed: typeof server.signed = (...given) => server.signed(...given);

describe('a token of the provider', () => {
  it('says who it is and what they are here', async () => {
    expect(await provider().identify(await signed(claims()))).toEqual({
      ...{ subject: 'ann', roles: ['viewer', 'legal'], issuedAt: null },
    });
    const elliptic = await signed(
      claims({ aud: ['other', 'lineward'] }),
      { alg: 'ES256', kid: 'e' },
      server.ec.privateKey,
    );
    expect(await provider().identify(elliptic)).toMatchObject({ subject: 'ann' });
  });

  it.each([
    ['roles', { roles: 'auditor steward' }, ['steward', 'auditor']],
    ['realm_access.roles', { realm_access: { roles: ['service'] } }, ['service']],
    ['realm_access.roles', { realm_access: 'service' }, []],
    ['__proto__.roles', { roles: ['legal'] }, []],
    ['roles', { roles: { legal: true } }, []],
    ['none', {}, []],
  ])('has its roles in the claim %s', async (claim, payload, roles) => {
    expect((await provider(claim).identify(await signed(claims(payload)))).roles).toEqual(roles);
  });

  it('is taken a minute beyond its end by clocks that differ, and no longer', async () => {
    const at = async (exp: number) => provider().identify(await signed(claims({ exp })));
    await expect(at(seconds(-30))).resolves.toMatchObject({ subject: 'ann' });
    await expect(at(seconds(-90))).rejects.toMatchObject({ code: 'UNAUTHENTICATED', message: /over/ });
  });

  const header = (given: object): string => Buffer.from(JSON.stringify(given)).toString('base64url');
  it.each<[string, () => Promise<string> | string]>([
    ['without a signature', () => new UnsecuredJWT(claims()).encode()],
    [
      'whose public key was taken for a shared secret',
      async () => signed(claims(), { alg: 'HS256' }, Buffer.from(await exportSPKI(server.rsa.publicKey))),
    ],
    ['of another key', () => signed(claims(), {}, stranger.privateKey)],
    [
      'of another key that it brings along',
      async () => signed(claims(), { jwk: await exportJWK(stranger.publicKey) }, stranger.privateKey),
    ],
    ['of a key it says where to find', () => signed(claims(), { jku: `${server.issuer}/evil` }, stranger.privateKey)],
    ['of a key that nobody has', () => signed(claims(), { kid: '../../keys' })],
    [
      'of one kind under the name of another',
      async () => signed(claims(), { alg: 'ES256', kid: 'r' }, server.ec.privateKey),
    ],
    [
      'with an extension that must be understood',
      () => `${header({ alg: 'RS256', kid: 'r', crit: ['x'], x: 1 })}.${header(claims())}.AA`,
    ],
    ['of another issuer', () => signed(claims({ iss: 'https://evil.example' }))],
    ['for another service', () => signed(claims({ aud: 'other' }))],
    ['for nobody', () => signed(claims({ aud: undefined as never }))],
    ['that never ends', () => signed(claims({ exp: undefined as never }))],
    ['that has not begun', () => signed(claims({ nbf: seconds(300) }))],
    ['of nobody', () => signed(claims({ sub: '' }))],
    ['of a name with a line break', () => signed(claims({ sub: 'ann\nbob' }))],
    ['of a name that is too long', () => signed(claims({ sub: 'x'.repeat(201) }))],
    [
      'whose content was changed',
      async () => {
        const [head, , signature] = (await signed(claims())).split('.');
        return `${head}.${header(claims({ roles: ['security_admin'] }))}.${signature}`;
      },
    ],
    ['that is none', () => 'a.b.c'],
  ])('%s is refused', async (_case, make) => {
    await expect(provider().identify(await make())).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

describe('the provider', () => {
  it('that does not answer, or is another one, is told from a wrong token, and asked again', async () => {
    const one = provider();
    const token = await signed(claims());
    server.state.isDown = true;
    await expect(one.identify(token)).rejects.toMatchObject({ code: 'IDENTITY_PROVIDER_UNAVAILABLE' });
    server.state.isDown = false;
    server.state.namedIssuer = 'https://evil.example';
    await expect(one.identify(token)).rejects.toMatchObject({ code: 'IDENTITY_PROVIDER_UNAVAILABLE' });
    server.state.namedIssuer = null;
    await expect(one.identify(token)).resolves.toMatchObject({ subject: 'ann' });
  });
});
