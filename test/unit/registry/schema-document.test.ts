import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SemanticTypes } from '../../../src/domain/privacy/semantic-type.ts';
import { readSchemaDocument } from '../../../src/domain/registry/schema-document.ts';
import { LinewardError } from '../../../src/errors/lineward-error.ts';

const catalog = new SemanticTypes();
const documentOf = (fields: unknown) => ({
  namespace: 'Team',
  schema: { name: 'Thing', namespace: 'Demo', type: 'record', fields },
});
const read = (fields: unknown) => readSchemaDocument(documentOf(fields), catalog);

function faultOf(document: unknown, place?: readonly string[]): LinewardError {
  try {
    readSchemaDocument(document, catalog, place);
  } catch (error) {
    if (error instanceof LinewardError) return error;
    throw error;
  }
  throw new Error('the document was accepted');
}

describe('a schema document', () => {
  test('has its names, its label, and every field with path, type and meaning', () => {
    const document = readSchemaDocument(
      {
        version: 1.5,
        created_by: 'me',
        ...documentOf([
          { name: 'to', type: 'string', twilio_type: ' PhoneNummer ' },
          {
            name: 'people',
            type: {
              type: 'array',
              items: {
                type: 'record',
                name: 'P',
                fields: [{ name: 'mail', type: ['null', 'string'], twilio_type: 'email' }],
              },
            },
          },
          { name: 'counts', type: { type: 'map', values: 'long' }, default: {} },
          { name: 'state', type: { type: 'enum', name: 'S', symbols: ['A', 'B'] } },
        ]),
      },
      catalog,
    );
    expect([document.label, document.createdBy, document.catalogNamespace, document.namespace, document.name]).toEqual([
      '1.5',
      'me',
      'Team',
      'Demo',
      'Thing',
    ]);
    expect(
      document.fields.map((field) => [field.path, field.type, field.nullable, field.required, field.semanticType]),
    ).toEqual([
      ['to', 'string', false, true, 'phonenumber'],
      ['people', 'array', false, true, null],
      ['people[].mail', 'string', true, false, 'email'],
      ['counts', 'map', false, false, null],
      ['state', 'enum', false, true, null],
    ]);
  });

  test('shows a path once that two records of a union share', () => {
    const branch = (name: string) => ({ type: 'record', name, fields: [{ name: 'id', type: 'string' }] });
    expect(read([{ name: 'who', type: ['null', branch('A'), branch('B')] }]).fields.map((field) => field.path)).toEqual(
      ['who', 'who.id'],
    );
  });

  test('places a fault where the caller has the document', () => {
    expect(faultOf(7, ['input', 'document'])).toMatchObject({
      field: ['input', 'document'],
      message: expect.stringMatching(/^input\.document: must be a JSON object/),
    });
    expect(faultOf(documentOf([{ name: 'a', type: 'strin' }]), ['d']).field).toEqual([
      'd',
      'schema',
      'fields',
      '0',
      'type',
    ]);
  });

  test('offers the semantic type that was probably meant, and all when none is near', () => {
    const messageOf = (twilio_type: string) =>
      faultOf(documentOf([{ name: 'a', type: 'string', twilio_type }])).message;
    expect(messageOf('e-mail')).toContain('Did you mean "email"?');
    expect(messageOf('zzzzzzzzzzzz')).toContain('Known are phonenumber, email');
    expect(messageOf('x'.repeat(5_000)).length).toBeLessThan(600);
  });

  test('whatever is given, it is read or refused by an error of ours', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.jsonValue({ maxDepth: 4 }), (fields, whole) => {
        for (const document of [documentOf(fields), whole]) {
          try {
            readSchemaDocument(document, catalog);
          } catch (error) {
            expect(error).toBeInstanceOf(LinewardError);
          }
        }
      }),
    );
  });
});
