import { Ajv, type Options } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import draft6 from 'ajv/dist/refs/json-schema-draft-06.json' with { type: 'json' };
import AjvDraft4 from 'ajv-draft-04';
import addFormats from 'ajv-formats';
import { isJsonObject } from '../json-text.ts';
import { type Draft, draftOf } from './json-draft.ts';
import { invalidJsonSchema, type JsonResolver, unescaped } from './json-resolver.ts';
import { isPattern } from './linear-pattern.ts';
import { membersOf } from './subschemas.ts';
import { checkUniqueItemsOnce } from './unique-items.ts';

const metaSchemaIds: Readonly<Record<Draft, string>> = {
  4: 'http://json-schema.org/draft-04/schema',
  6: 'http://json-schema.org/draft-06/schema',
  7: 'http://json-schema.org/draft-07/schema',
  2019: 'https://json-schema.org/draft/2019-09/schema',
  2020: 'https://json-schema.org/draft/2020-12/schema',
};

/** A validator that speaks a draft. Patterns are read as every dialect writes them, see assertPatterns. */
export function validatorOf(draft: Draft, options: Options = {}): Ajv {
  const made = { 4: AjvDraft4.default, 6: Ajv, 7: Ajv, 2019: Ajv2019, 2020: Ajv2020 }[draft];
  const ajv = new made({ strict: false, logger: false, ...options, ...(draft === 6 ? { meta: false } : {}) });
  if (draft === 6) ajv.addMetaSchema(draft6);
  addFormats.default(ajv, { mode: 'fast' });
  ajv.addFormat('regex', true);
  checkUniqueItemsOnce(ajv);
  return ajv;
}

const validators = new Map<Draft, Ajv>();

/**
 * Checks a schema against the meta-schema of its draft.
 * @throws LinewardError SCHEMA_INVALID with the place of the first fault.
 */
export function assertValidSchema(text: string): void {
  const schema: unknown = JSON.parse(text);
  if (typeof schema === 'boolean') return;
  if (!isJsonObject(schema)) throw invalidJsonSchema([], 'must be an object, true or false');
  const draft = draftOf(schema);
  const ajv = validators.get(draft) ?? validatorOf(draft);
  validators.set(draft, ajv);
  const meta = ajv.getSchema(metaSchemaIds[draft]);
  if (meta === undefined || meta({ ...schema, $schema: metaSchemaIds[draft] }) === true) return;
  const [fault] = meta.errors ?? [];
  const path = (fault?.instancePath ?? '').split('/').slice(1).map(unescaped);
  throw invalidJsonSchema(path, `${fault?.message ?? 'is not valid'} (JSON Schema draft ${draftNames[draft]})`);
}

const draftNames: Readonly<Record<Draft, string>> = { 4: '04', 6: '06', 7: '07', 2019: '2019-09', 2020: '2020-12' };

/**
 * Checks that every pattern is a regular expression of some dialect. Whether it can be run is a question of checking
 * messages, see `messageCheck`.
 * @throws LinewardError SCHEMA_INVALID with the place of the first that is none.
 */
export function assertPatterns(resolver: JsonResolver): void {
  for (const { schema, path } of resolver.met) {
    if (typeof schema.pattern === 'string' && !isPattern(schema.pattern))
      throw invalidJsonSchema([...path, 'pattern'], 'is not a regular expression');
    for (const pattern of Object.keys(membersOf(schema.patternProperties)))
      if (!isPattern(pattern))
        throw invalidJsonSchema([...path, 'patternProperties', pattern], 'is not a regular expression');
  }
}
