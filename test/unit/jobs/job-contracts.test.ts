import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { jobContracts, jobProcessors, queueConcurrency } from '../../../src/jobs/registry.ts';

const contracts = Object.entries(jobContracts);

/** What a contract lets in; the default form would tell what parsing leaves of it. */
const taken = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input' });

/** Places of a JSON schema that could hold something other than a UUID, a number or a boolean. */
function freeTextIn(schema: unknown, path = '$'): readonly string[] {
  const { type, properties, additionalProperties, items, format } = schema as {
    type?: string;
    properties?: Record<string, unknown>;
    additionalProperties?: unknown;
    items?: unknown;
    format?: string;
  };
  if (type === 'number' || type === 'integer' || type === 'boolean') return [];
  if (type === 'string' && format === 'uuid') return [];
  if (type === 'array') return freeTextIn(items ?? {}, `${path}[]`);
  if (type === 'object' && additionalProperties === false) {
    return Object.entries(properties ?? {}).flatMap(([key, item]) => freeTextIn(item, `${path}.${key}`));
  }
  return [path];
}

describe('job contracts', () => {
  it.each(contracts)('%s can carry nothing but ids, numbers and booleans', (_key, contract) => {
    expect(freeTextIn(taken(contract.payload))).toEqual([]);
    expect(freeTextIn(taken(contract.progress))).toEqual([]);
  });

  it('have names of their own that BullMQ takes, and a queue whose concurrency is set', () => {
    const names = contracts.map(([, contract]) => contract.name);
    expect(new Set(names).size).toBe(names.length);
    for (const [, { name, queue, attempts }] of contracts) {
      expect(`${name}${queue}`).not.toContain(':');
      expect(queueConcurrency).toHaveProperty(queue);
      expect(attempts).toBeGreaterThan(1);
    }
  });

  it('each have a processor of the same name and queue', () => {
    const nothing = undefined as never;
    const processors = jobProcessors({
      planner: nothing,
      runner: nothing,
      certifier: nothing,
      retentionReconciler: nothing,
      topicDiscovery: nothing,
      registrar: nothing,
      tableIndexer: nothing,
      ledgerReplay: nothing,
      transformRunner: nothing,
    });
    for (const [key, { name, queue }] of contracts) {
      expect(processors[key as keyof typeof jobContracts]).toMatchObject({ name, queue });
    }
  });

  it.each([
    [z.object({ email: z.string() }).strict(), '$.email'],
    [z.object({ id: z.uuid() }), '$'],
    [z.object({ id: z.union([z.uuid(), z.string()]) }).strict(), '$.id'],
  ])('would be caught with free text in them', (schema, place) => {
    expect(freeTextIn(taken(schema))).toEqual([place]);
  });
});
