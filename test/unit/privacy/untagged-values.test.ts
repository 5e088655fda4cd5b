import { describe, expect, it } from 'vitest';
import { UntaggedValues } from '../../../src/domain/privacy/untagged-values.ts';

const field = (path: string, semanticType: string | null = null) => ({ path, semanticType });
const fields = [
  field('id'),
  field('email', 'email'),
  field('owner', 'customertext'),
  field('owner.phone'),
  field('phones[]'),
  field('contacts{}', 'email'),
  field('labels{}'),
  field('inner.note'),
  field('open.email', 'email'),
  field('open{}'),
  field('odd[name'),
];
const placesIn = (record: unknown): readonly string[] => new UntaggedValues(fields).in(record).map(({ path }) => path);

describe('values that look personal', () => {
  it.each([
    ['in an untagged field', { id: 'a@b.example' }, ['id']],
    ['in a field that no schema names', { other: { deep: '+1 123 456 7890' } }, ['other.deep']],
    ['in a list, once', { phones: ['+11234567890', '+11234567891', 'x'] }, ['phones[]']],
    ['in a nested record', { inner: { note: '078-05-1120' } }, ['inner.note']],
    ['as keys and values of a map', { labels: { 'a@b.example': '10.0.0.1' } }, ['labels{} (a key)', 'labels{}']],
    [
      'as a key that no schema names',
      { other: { 'a@b.example': true }, '+11234567890': 1 },
      ['other{} (a key)', '{} (a key)'],
    ],
    ['beside the fields of an open object', { open: { mail: 'a@b.example' } }, ['open{}']],
    ['in a field that no path can spell', { 'odd[name': 'a@b.example' }, ['odd[name']],
    ['as a number', { id: 4111111111111111 }, ['id']],
  ])('are found %s', (_, record, places) => {
    expect(placesIn(record)).toEqual(places);
  });

  it.each([
    ['in a tagged field', { email: 'a@b.example' }],
    ['in a tagged field of an open object', { open: { email: 'a@b.example' } }],
    ['in a record that is tagged as a whole', { owner: { phone: '+11234567890' } }],
    ['in a map whose entries are tagged, keys and all', { contacts: { 'a@b.example': 'c@d.example' } }],
    ['and are none', { id: 'SM1', at: '2026-01-02T03:04:05Z', n: 5, text: 'Thank you very much indeed', none: null }],
    ['in bytes', { id: Buffer.from('a@b.example') }],
    ['in nothing', null],
  ])('are let in %s', (_, record) => {
    expect(placesIn(record)).toEqual([]);
  });

  it('are named ten times at most, and never quoted', () => {
    const record = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`f${index}`, `u${index}@b.example`]));
    const faults = new UntaggedValues([]).in(record);
    expect(faults).toHaveLength(10);
    expect(JSON.stringify(faults)).not.toContain('@b.example');
  });
});
