import { describe, expect, it } from 'vitest';
import type { Selection } from '../../../src/domain/governance/selection.ts';
import type { FileFinding, LakeEngine, LakeStore, TransformRequest } from '../../../src/services/lake/ports.ts';
import type { ActionScope } from '../../../src/services/lake/rewrite-action.ts';
import type { TableTransformation } from '../../../src/services/lake/table-transformation.ts';
import { TransformAction, type TransformDeps } from '../../../src/services/lake/transform-action.ts';

const everyone: Selection = { everyone: true, act: [], keep: [] };
const held: Selection = { everyone: true, act: [], keep: [{ accountId: 'AC1' }] };
const file = { path: 't/a.parquet', bytes: 1, version: '1' };
const paths = { source: 'source', staged: 'staged' };
const gap = { code: 'COLUMN_UNFIT', reason: 'the column n is of a type that cannot hold it' };

const tokens: TableTransformation = {
  mark: 'tokens',
  isOnceOnly: true,
  gapsOf: () => [],
  of: () => ({
    columns: ['to'],
    keyColumns: ['account'],
    metadata: { done: 'yes' },
    transform: async ({ to = [] }) => ({ to }),
  }),
};

/** The action over an engine whose files have two rows. */
function action(
  transformation: TableTransformation,
  finding: Partial<FileFinding> = {},
  digests: { readonly contentSha256?: string; readonly sourceSha256?: string } = {},
) {
  const { contentSha256, sourceSha256 } = digests;
  const transformed: TransformRequest['metadata'][] = [];
  const engine = {
    find: async () => [{ path: 'source', rows: 2, matches: 1, ...finding }],
    profile: async () => ({ rows: 2, columns: [], metadata: {}, contentSha256 }),
    transform: async ({ metadata, transform }: TransformRequest) => {
      transformed.push(metadata);
      await transform({ to: ['x', 'y'] });
      return { rowsBefore: 2, rowsAfter: 2, found: 1, bytesAfter: 1, stagedSha256: 'a', sourceSha256 };
    },
  };
  const store = {
    readBytesMax: 1,
    reading: (some: readonly string[], work: (locals: readonly string[]) => unknown) => work(some),
  };
  const marks: TransformDeps['marks'] = { profile: (of, request) => of.profile(request) };
  const deps = { store: store as unknown as LakeStore, engine: engine as unknown as LakeEngine, marks };
  return { made: new TransformAction(deps, transformation), transformed };
}

const scope = (selection: Selection): ActionScope => ({
  table: {} as ActionScope['table'],
  place: { accountField: 'account', name: 't' },
  selection,
});

describe('an action that replaces values', () => {
  it('does not take a file for one without held rows when nobody could tell', async () => {
    const finding = { error: 'UNREADABLE', reason: 'it needs more memory than the limit' } as const;
    const { made, transformed } = action({ ...tokens, isOnceOnly: false }, finding);
    await expect(made.stage(paths, scope(held))).rejects.toMatchObject({
      code: 'LAKE_FILE_UNREADABLE',
      details: { reason: 'it needs more memory than the limit' },
    });
    expect(transformed).toEqual([]);
  });

  it('makes no tokens in files of which rows cannot be changed: those would become tokens of tokens later', async () => {
    const fails: TableTransformation = {
      ...tokens,
      of: () => ({
        columns: ['to'],
        keyColumns: [],
        metadata: {},
        transform: async ({ to = [] }, tally) => {
          tally.fail('VALUE_INVALID');
          return { to };
        },
      }),
    };
    const { made } = action(fails);
    await expect(made.stage(paths, scope(everyone))).rejects.toMatchObject({
      code: 'LAKE_TABLE_REFUSED',
      details: { reason: expect.stringContaining('1 row(s) could not be changed (VALUE_INVALID)') },
    });
  });

  it('has something to be known of a copy only where all of the file was done', async () => {
    const digests = { contentSha256: 'x', sourceSha256: 'x' };
    const metadataOf = async (selection: Selection, matches: number) =>
      (await action({ ...tokens, isOnceOnly: false }, { matches }, digests).made.stage(paths, scope(selection)))
        .metadata;
    expect(await metadataOf(everyone, 0)).toEqual({ done: 'yes' });
    expect(await metadataOf(held, 0)).toEqual({ done: 'yes' });
    expect(await metadataOf(held, 1)).toEqual({});
    expect(await metadataOf({ act: [{ accountId: 'AC1' }], keep: [] }, 0)).toEqual({});
  });

  it('takes no copy of another content than the one that it judged', async () => {
    const { made } = action(tokens, {}, { contentSha256: 'x', sourceSha256: 'y' });
    await expect(made.stage(paths, scope(everyone))).rejects.toMatchObject({ code: 'LAKE_FILE_CHANGED' });
  });

  it('makes no tokens for some accounts only', async () => {
    const { made } = action(tokens);
    expect(await made.search([file], scope({ act: [{ accountId: 'AC1' }], keep: [] }))).toMatchObject([
      { file, code: 'LAKE_TABLE_REFUSED', reason: expect.stringContaining('all accounts') },
    ]);
    expect(await made.search([file], scope(everyone))).toEqual([{ file, rows: 2, matches: 1 }]);
  });

  it('tells what cannot be done in files in which there is nothing else to do', async () => {
    const { made } = action({ ...tokens, of: () => null, gapsOf: () => [gap] });
    expect(await made.search([file], scope(everyone))).toEqual([{ file, rows: 2, matches: 0, gaps: [gap] }]);
    expect(await made.stage(paths, scope(everyone))).toMatchObject({ found: 0, facts: { gaps: [gap] } });
  });
});
