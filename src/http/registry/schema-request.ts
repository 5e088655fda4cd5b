import { z } from 'zod';
import { readSchemaFormat } from '../../domain/registry/parse-schema.ts';
import { readMetadata, readRuleSet } from '../../domain/registry/schema-metadata.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { GivenSchema } from '../../services/registry/registration.ts';

const whole = z.coerce.number().int();
const references = z
  .array(z.object({ name: z.string().min(1), subject: z.string().min(1), version: whole }))
  .nullish()
  .transform((list) => list ?? []);
const idShape = z.object({ id: whole.nullish(), version: whole.nullish() });

/**
 * The schema of a request. Fields that are not known are left out and null counts as absent, because clients send both.
 * @throws LinewardError SCHEMA_INVALID or RULE_SET_INVALID with the place in the body
 */
export function readSchemaRequest(body: Readonly<Record<string, unknown>>): GivenSchema {
  const parsed = references.safeParse(body.references);
  if (!parsed.success) {
    const path = ['references', ...(parsed.error.issues[0]?.path ?? []).map(String)];
    throw new LinewardError('SCHEMA_INVALID', `${path.join('.')}: a reference has "name", "subject" and "version"`, {
      path,
    });
  }
  if (body.schema !== undefined && body.schema !== null && typeof body.schema !== 'string')
    throw new LinewardError('SCHEMA_INVALID', 'schema: must be the text of a schema', { path: ['schema'] });
  return {
    format: readSchemaFormat(body.schemaType),
    text: storable(body.schema ?? ''),
    references: parsed.data,
    metadata: readMetadata(body.metadata),
    ruleSet: readRuleSet(body.ruleSet),
  };
}

function storable(text: string): string {
  if (text.includes('\0'))
    throw new LinewardError('SCHEMA_INVALID', 'schema: must not hold the character U+0000', { path: ['schema'] });
  return text;
}

/** Id and version that an importing client brings; null where it brings none. `-1` is none. */
export function readImportedIds(body: Readonly<Record<string, unknown>>): {
  readonly id: number | null;
  readonly version: number | null;
} {
  const parsed = idShape.safeParse(body);
  if (!parsed.success) throw new LinewardError('BAD_INPUT', 'id and version: must be whole numbers', { path: ['id'] });
  const { id, version } = parsed.data;
  const given = (value: number | null | undefined): number | null =>
    value === undefined || value === null || value < 1 ? null : value;
  return { id: given(id), version: given(version) };
}
