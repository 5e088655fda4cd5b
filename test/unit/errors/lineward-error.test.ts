import { GraphQLError } from 'graphql';
import { describe, expect, it } from 'vitest';
import { toLinewardError } from '../../../src/errors/lineward-error.ts';
import { toGraphqlError } from '../../../src/errors/to-graphql-error.ts';

const driverError = (facts: { code?: string; message?: string }): Error =>
  Object.assign(new Error(facts.message ?? 'select 1'), { name: 'DriverException', ...facts });

describe('an error of the database driver', () => {
  it.each([
    { code: 'ECONNREFUSED' },
    { code: 'ECONNRESET' },
    { code: '57P01' },
    { code: '57P03' },
    { code: '53300' },
    { message: 'Connection terminated unexpectedly' },
  ])('that tells of the connection is retryable: %j', (facts) => {
    expect(toLinewardError(driverError(facts))).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    const wrapped = new GraphQLError('select 1', { originalError: driverError(facts) });
    expect(toGraphqlError(wrapped.toJSON(), wrapped, 'r')).toEqual({
      message: 'The database does not answer.',
      extensions: { code: 'DATABASE_UNAVAILABLE', retryable: true, requestId: 'r' },
    });
  });

  it.each([{ code: '23505' }, { code: '08P01' }, { code: '42601' }, { message: 'unexpected' }])(
    'that tells of the statement is our fault, and is masked: %j',
    (facts) => {
      expect(toLinewardError(driverError(facts))).toMatchObject({ code: 'INTERNAL' });
    },
  );

  it('of another source with the same code is not taken for one', () => {
    expect(toLinewardError(Object.assign(new Error(''), { code: 'ECONNREFUSED' }))).toMatchObject({ code: 'INTERNAL' });
  });
});
