import { describe, expect, test } from 'vitest';
import { compileSpec } from '../../../src/domain/transform/compile-spec.ts';
import { readSpec } from '../../../src/domain/transform/read-spec.ts';
import { transformerJsonSchema } from '../../../src/domain/transform/transformer-spec.ts';
import { demoFacts, talkTransformer } from '../../testkit/transform.ts';

type Doc = ReturnType<typeof JSON.parse>;
const talk = (): Doc => JSON.parse(talkTransformer);

/** All that is wrong with a document, as `path code`. */
function faults(document: unknown, orders: Record<string, string[]> = {}): string[] {
  const read = readSpec(typeof document === 'string' ? document : JSON.stringify(document), orders);
  const answer = read.ok ? compileSpec(read.spec, demoFacts) : read;
  return answer.ok ? [] : answer.issues.map(({ path, code }) => `${path} ${code}`);
}
function changed(change: (document: Doc) => void): Doc {
  const document = talk();
  change(document);
  return document;
}
const withTransforms = (...transforms: unknown[]): Doc =>
  changed((document) => {
    document.sources[0].transforms = transforms;
  });

/** All that is wrong with a lookup that the demo does in a table of countries. */
function lookupFaults(more: object): string[] {
  const lookup = { type: 'lookup', table: 'ref/countries', on: { to: 'code' }, fields: { country: 'name' }, ...more };
  const read = readSpec(JSON.stringify(withTransforms(lookup)));
  const [source] = demoFacts.sources;
  if (source == null) throw new Error('the demo has no source');
  const field = (name: string, column: 'VARCHAR' | 'JSON' | 'INTEGER') => ({
    name,
    column,
    isNested: column === 'JSON',
  });
  const fields = [field('code', 'VARCHAR'), field('name', 'VARCHAR'), field('rank', 'INTEGER'), field('list', 'JSON')];
  const lookups = [{ ...source, kind: 'TABLE' as const, fields }];
  const answer = read.ok ? compileSpec(read.spec, { ...demoFacts, lookups }) : read;
  return answer.ok
    ? []
    : answer.issues.map(({ path, code }) => `${path.replace('sources[0].transforms[0]', '')} ${code}`);
}

describe('a document', () => {
  test('of the talk is valid as it stands', () => {
    expect(faults(talkTransformer)).toEqual([]);
  });

  test.each<[string, unknown, string[]]>([
    ['no JSON', '{', [' NOT_JSON']],
    ['no object', '[]', [' SHAPE']],
    [
      'a member that nobody knows',
      changed((d) => {
        d.resource.colour = 'red';
      }),
      ['resource.colour UNKNOWN_MEMBER'],
    ],
    ['a missing member', changed((d) => delete d.key), ['key MISSING_MEMBER']],
    [
      'a transform that nobody knows',
      withTransforms({ type: 'explod', field: 'tags' }),
      ['sources[0].transforms[0].type UNKNOWN_TRANSFORM'],
    ],
    [
      'a field that is not there',
      withTransforms({ type: 'drop', fields: ['tags', 'colour'] }),
      ['sources[0].transforms[0].fields[1] UNKNOWN_FIELD'],
    ],
    [
      'a field that is gone',
      withTransforms({ type: 'drop', fields: ['status'] }, { type: 'drop', fields: ['status'] }),
      ['sources[0].transforms[1].fields[0] UNKNOWN_FIELD'],
    ],
    [
      'a key that no source gives',
      withTransforms({ type: 'drop', fields: ['message_id'] }),
      ['sources[0] KEY_MISSING'],
    ],
    [
      'a key that the table has not',
      changed((d) => {
        d.key = ['colour'];
      }),
      ['key[0] UNKNOWN_FIELD'],
    ],
    ['an account that goes', withTransforms({ type: 'drop', fields: ['account_sid'] }), ['sources[0] ACCOUNT_MISSING']],
    [
      'a list that is not given',
      changed((d) => {
        d.merge.fields[0].compare = 'msgStatus';
      }),
      ['merge.fields[0].compare UNKNOWN_ORDER'],
    ],
    [
      'a list with a value twice',
      changed((d) => {
        d.orders = { a: ['x', 'x'] };
        d.merge.fields[0].compare = 'a';
      }),
      ['orders.a ORDER_INVALID'],
    ],
    ['nothing that decides', changed((d) => delete d.merge.fields), ['merge.fields COMPARE_MISSING']],
    [
      'a sum of text',
      changed((d) => {
        d.merge.combine = [{ name: 'status', with: 'sum' }];
      }),
      ['merge.combine[0].name TYPE_CONFLICT'],
    ],
    [
      'an expression with a field that is not there',
      withTransforms({ type: 'filter', where: 'colour == "red"' }),
      ['sources[0].transforms[0].where EXPRESSION_INVALID'],
    ],
    [
      'a filter that is no question',
      withTransforms({ type: 'filter', where: 'status' }),
      ['sources[0].transforms[0].where EXPRESSION_INVALID'],
    ],
    [
      'a format that is none',
      withTransforms({ type: 'localizeDates', fields: ['date_created'], formats: ["%d' OR 1=1"] }),
      ['sources[0].transforms[0].formats[0] FORMAT_INVALID'],
    ],
    [
      'a directive that is none',
      withTransforms({ type: 'localizeDates', fields: ['date_created'], formats: ['%Q;'] }),
      ['sources[0].transforms[0].formats[0] FORMAT_INVALID'],
    ],
    [
      'a zone that is none',
      withTransforms({ type: 'localizeDates', fields: ['date_created'], zone: 'Mars/Base' }),
      ['sources[0].transforms[0].zone ZONE_UNKNOWN'],
    ],
    [
      'protection that comes late',
      withTransforms({ type: 'drop', fields: ['status'] }, { type: 'protect' }),
      ['sources[0].transforms[1].type PROTECT_PLACE'],
    ],
    [
      'a new name that is taken',
      withTransforms({ type: 'rename', fields: { status: 'TO' } }),
      ['sources[0].transforms[0].fields.status DUPLICATE_FIELD'],
    ],
    [
      'a reserved name',
      withTransforms({ type: 'derive', fields: { lineward_at: '"x"' } }),
      ['sources[0].transforms[0].fields.lineward_at FIELD_NAME'],
    ],
    [
      'a path that says another date',
      changed((d) => {
        d.resource.indexing[0].date = 'date_updated';
      }),
      ['resource.path PATH_MISMATCH'],
    ],
    [
      'a codec of another format',
      changed((d) => {
        d.resource.codec = 'zstd';
      }),
      ['resource.codec CODEC_UNKNOWN'],
    ],
    [
      'a list where the table has a number',
      withTransforms({ type: 'drop', fields: ['segments'] }, { type: 'rename', fields: { tags: 'segments' } }),
      ['sources[0] TYPE_CONFLICT'],
    ],
  ])('with %s is told where', (_, document, expected) => {
    expect(faults(document)).toEqual(expected);
  });

  test.each<[string, object, string[]]>([
    ['nothing', {}, []],
    ['no key', { on: {} }, ['.on SHAPE']],
    ['no field', { fields: {} }, ['.fields SHAPE']],
    ['a key that the row has not', { on: { colour: 'code' } }, ['.on.colour UNKNOWN_FIELD']],
    ['a key that the lookup has not', { on: { to: 'colour' } }, ['.on.to UNKNOWN_FIELD']],
    ['a list as a key', { on: { tags: 'list' } }, ['.on.tags TYPE_CONFLICT', '.on.tags TYPE_CONFLICT']],
    ['a field that the lookup has not', { fields: { country: 'colour' } }, ['.fields.country UNKNOWN_FIELD']],
    ['a field that the row has', { fields: { status: 'name' } }, ['.fields.status DUPLICATE_FIELD']],
    ['a default of no field', { defaults: { to: 'x' } }, ['.defaults.to UNKNOWN_FIELD']],
    ['a default of another type', { defaults: { country: 5 } }, ['.defaults.country TYPE_CONFLICT']],
    ['a default that nothing takes', { missing: 'reject', defaults: { country: 'x' } }, ['.defaults SHAPE']],
    ['a default of a list', { fields: { x: 'list' }, defaults: { x: 'y' } }, ['.defaults.x TYPE_CONFLICT']],
    ['a number as a default of one', { fields: { x: 'rank' }, defaults: { x: 5 } }, []],
    ['no such choice', { missing: 'ignore' }, ['.missing SHAPE']],
  ])('with a lookup with %s is told where', (_, more, expected) => {
    expect(lookupFaults(more)).toEqual(expected);
  });

  test('finds persons in what was looked up by their account, and in nothing else', () => {
    const [source] = demoFacts.sources;
    const { resource } = demoFacts;
    if (source == null || resource === null) throw new Error('the demo has no source');
    const field = (name: string) => ({ name, column: 'VARCHAR' as const, isNested: false });
    const there = { kind: 'TABLE' as const, accountField: 'owner', subjectFields: ['mail'] };
    const lookups = [{ ...source, ...there, fields: [field('owner'), field('code'), field('mail')] }];
    const subjects = (on: object, ...more: object[]) => {
      const lookup = { type: 'lookup', table: 'ref/x', on, fields: { mail: 'mail' } };
      const read = readSpec(JSON.stringify(withTransforms(lookup, ...more)));
      const columns = [...resource.columns, { name: 'mail', type: 'VARCHAR' as const }];
      const facts = { ...demoFacts, lookups, resource: { ...resource, columns } };
      const answer = read.ok ? compileSpec(read.spec, facts) : read;
      return answer.ok ? answer.compiled.subjectFields : answer.issues;
    };
    expect(subjects({ account_sid: 'owner', status: 'code' })).toEqual(['to', 'mail']);
    expect(subjects({ status: 'code' })).toEqual(['to']);
    const upper = { type: 'derive', fields: { mail: 'upper(mail)' } };
    expect(subjects({ account_sid: 'owner', status: 'code' }, upper)).toEqual(['to']);
  });

  test('is refused over fields whose names the engine could not tell apart, or needs itself', () => {
    const read = readSpec(talkTransformer);
    const [source] = demoFacts.sources;
    if (!read.ok || source == null) throw new Error('the demo is not valid');
    const more = ['STATUS', 'lineward_at'].map((name) => ({ name, column: 'VARCHAR' as const, isNested: false }));
    const answer = compileSpec(read.spec, {
      ...demoFacts,
      sources: [{ ...source, fields: [...source.fields, ...more] }],
    });
    expect(answer.ok === false && answer.issues.map(({ path, code }) => `${path} ${code}`)).toEqual([
      'sources[0].topic DUPLICATE_FIELD',
      'sources[0].topic FIELD_NAME',
    ]);
  });

  test('of many faults tells all at once, and how each is mended', () => {
    const read = readSpec(JSON.stringify(withTransforms({ type: 'nope' }, { type: 'drop' })));
    expect(read.ok === false && read.issues).toEqual([
      {
        path: 'sources[0].transforms[0].type',
        code: 'UNKNOWN_TRANSFORM',
        message: expect.stringContaining('localizeDates'),
      },
      { path: 'sources[0].transforms[1].fields', code: 'MISSING_MEMBER', message: expect.stringContaining('array') },
    ]);
  });

  test('takes lists of values from beside it, and not two of one name that differ', () => {
    const document = changed((d) => {
      d.merge.fields[0].compare = 'msgStatus';
    });
    expect(faults(document, { msgStatus: ['queued', 'sent'] })).toEqual([]);
    const both = { ...document, orders: { msgStatus: ['sent'] } };
    expect(faults(both, { msgStatus: ['queued', 'sent'] })).toEqual(['orders.msgStatus ORDER_INVALID']);
  });

  test('has a JSON Schema that names every transform', () => {
    const text = JSON.stringify(transformerJsonSchema());
    for (const type of [
      'localizeDates',
      'rename',
      'cast',
      'drop',
      'filter',
      'derive',
      'flatten',
      'explode',
      'protect',
      'lookup',
    ])
      expect(text).toContain(`"const":"${type}"`);
  });
});
