import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { configTable, withConfigTable } from '../../../tools/check/config-table.ts';
import { codeFiles, fileProblems } from '../../../tools/check/file-rules.ts';
import { breakingChanges, schemaText, unexplained } from '../../../tools/check/schema-file.ts';

const lines = (count: number): string => 'const one = 1;\n'.repeat(count);
const problemsOf = (path: string, text: string): string[] => fileProblems([{ path, text }]);

describe('file rules', () => {
  test('hold for every code file of the repository', async () => {
    const files = await codeFiles('.');
    expect(files.length).toBeGreaterThan(200);
    expect(fileProblems(files)).toEqual([]);
  });

  test.each([
    ['a folder of odds and ends', 'src/domain/utils/text.ts', lines(1)],
    ['a product file of 301 lines', 'src/domain/text.ts', lines(301)],
    ['a test file of 401 lines', 'test/unit/text.test.ts', lines(401)],
    ['a name that is not kebab-case', 'src/domain/plainText.ts', lines(1)],
    ['a migration without a timestamp', 'migrations/catalog.ts', lines(1)],
    ['a bare Error in the product', 'src/domain/text.ts', "throw new Error('no');\n"],
    ['the environment read outside the configuration', 'src/domain/text.ts', 'const home = process.env.HOME;\n'],
    ['a child that shares our output', 'test/unit/text.test.ts', `spawn('x', { stdio: ['pipe', 'inher${'it'}'] });\n`],
    ['unfinished work', 'tools/text.ts', `// ${'TO'}${'DO'}: later\n`],
  ])('refuse %s', (_what, path, text) => {
    expect(problemsOf(path, text)).toHaveLength(1);
  });

  test('accept files at the limits, and a bare Error in a test', () => {
    expect(problemsOf('src/domain/text.ts', lines(300))).toEqual([]);
    expect(problemsOf('test/unit/text.test.ts', lines(400))).toEqual([]);
    expect(problemsOf('test/unit/text.test.ts', "throw new Error('no');\n")).toEqual([]);
  });
});

describe('the schema file', () => {
  const before = 'type Query { one: String, two: String }';

  test('names a field that was taken away until a line with a reason explains it', async () => {
    const changes = await breakingChanges(before, 'type Query { one: String }');
    expect(changes.map(({ name }) => name)).toEqual(['`Query.two` FIELD_REMOVED']);
    expect(unexplained(changes, '')).toEqual([expect.stringContaining('`Query.two` FIELD_REMOVED')]);
    expect(unexplained(changes, '- `Query.two` FIELD_REMOVED: ')).toHaveLength(1);
    expect(unexplained(changes, '- `Query.two` FIELD_REMOVED: nobody could fill it')).toEqual([]);
  });

  test('lets a new field pass', async () => {
    expect(await breakingChanges(before, 'type Query { one: String, two: String, three: String }')).toEqual([]);
  });

  test('is the printed schema', async () => {
    expect(await readFile('schema.graphql', 'utf8')).toBe(schemaText());
  });
});

describe('the table of settings', () => {
  test('has a row per setting with its default and meaning', () => {
    expect(configTable()).toContain('| `PORT` | `4000` | Main listener');
    expect(configTable()).toContain('| `REDIS_URL` | unset |');
  });

  test('replaces what stands between the marks and keeps the rest', () => {
    const text = withConfigTable('before\n<!-- config:start -->\nold\n<!-- config:end -->\nafter\n');
    expect(text).toBe(`before\n<!-- config:start -->\n${configTable()}\n<!-- config:end -->\nafter\n`);
    expect(withConfigTable('no marks')).toBeNull();
  });
});
