import { expect, test } from 'vitest';
import { type Data, testApp } from '../testkit/app.ts';
import { oidcServer } from '../testkit/oidc.ts';

const me = '{ me { actorId roles permissions } }';
const codesOf = ({ errors = [] }: Data): readonly string[] => errors.map((error: Data) => error.extensions.code);

test('people who log in to the provider of the company are let in by their roles there, without any token of ours', async () => {
  const provider = await oidcServer();
  const settings = { LINEWARD_ROLES: 'api', OIDC_ISSUER: provider.issuer, OIDC_AUDIENCE: 'lineward' };
  const app = await testApp(settings);
  try {
    const read = async (token: string, query: string): Promise<{ status: number; body: Data }> => {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
      const body = JSON.stringify({ query });
      const response = await fetch(`${app.urls.main}/graphql`, { method: 'POST', headers, body });
      return { status: response.status, body: await response.json() };
    };
    const token = await provider.signed(provider.claims({ roles: ['auditor'] }));
    expect((await read(token, me)).body.data.me).toMatchObject({ actorId: 'oidc:ann', roles: ['auditor'] });
    expect((await read(token, '{ auditEvents(first: 1) { totalCount } }')).body.errors).toBeUndefined();
    expect(codesOf((await read(token, '{ apiTokens(first: 1) { totalCount } }')).body)).toEqual(['FORBIDDEN']);
    const nothing = await provider.signed(provider.claims());
    expect((await read(nothing, me)).body.data.me).toMatchObject({ roles: [], permissions: [] });
    expect(codesOf((await read(nothing, '{ entities(first: 1) { totalCount } }')).body)).toEqual(['FORBIDDEN']);
    expect((await read(await provider.signed(provider.claims({ aud: 'other' })), me)).status).toBe(401);
    expect((await read('lw_nobody', me)).status).toBe(401);
  } finally {
    await app.stop();
    await provider.stop();
  }
});
