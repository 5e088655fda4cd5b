import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { type Data, type TestApp, testApp } from '../testkit/app.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const documents = [...readme.matchAll(/```graphql\n([\s\S]*?)```/g)].map(([, document = '']) => document);

describe('what the README shows', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await testApp();
  });
  afterAll(() => app?.stop());

  it('are documents that stand in this order', () => {
    const first = documents.map((document) => /^\s*(?:mutation \{\s*)?(?:\{\s*)?(\w+)/.exec(document)?.[1]);
    expect(first).toEqual(['registerEntityVersion', 'requestErasure', 'operations', 'fields']);
  });

  test.each(documents.map((document, index) => [index, document] as const))(
    'document %i runs as it is',
    async (_, document) => {
      const { data, errors } = await app.graphql(document);
      expect(errors).toEqual([]);
      for (const answer of Object.values(data as Data)) {
        expect(answer).not.toBeNull();
        expect((answer as Data).userErrors ?? []).toEqual([]);
      }
    },
  );

  test('the settings of the registry clients lead to a registry, and its description', async () => {
    expect(readme).toContain('/openapi.json');
    const answer = await fetch(`${app.urls.registry}/openapi.json`);
    expect([answer.status, ((await answer.json()) as Data).openapi]).toEqual([200, expect.stringMatching(/^3\./)]);
  });
});
