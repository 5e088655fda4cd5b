import { Ajv, type AnySchemaObject, type ErrorObject, type Options, type ValidateFunction } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import draft6 from 'ajv/dist/refs/json-schema-draft-06.json' with { type: 'json' };
import AjvDraft4 from 'ajv-draft-04';
import addFormats from 'ajv-formats';
import { RE2JS } from 're2js';
import { isJsonObject } from '../json-text.ts';
import type { MessageFault } from '../message.ts';
import type { ReferencedSchema } from '../schema-format.ts';
import { invalidJsonSchema } from './json-resolver.ts';

/** A regular expression in linear time, whatever a schema or a message brings: RE2 knows no look-around and no back references. */
const regExp = Object.assign(
  (pattern: string) => {
    const compiled = RE2JS.compile(pattern);
    return { test: (text: string): boolean => compiled.matcher(text).find() };
  },
  { code: 'linearRegExp' },
);

const options: Options = {
  strict: false,
  allErrors: false,
  validateFormats: true,
  validateSchema: false,
  logger: false,
  code: { regExp },
};

type Draft = '04' | '06' | '07' | '2019' | '2020';

function draftOf(schema: unknown): Draft {
  const uri = isJsonObject(schema) && typeof schema.$schema === 'string' ? schema.$schema : '';
  const found = /draft-(04|06|07)\/|draft\/(2019|2020)-/.exec(uri);
  const name = found?.[1] ?? found?.[2];
  return name === '04' || name === '06' || name === '2019' || name === '2020' ? name : '07';
}

function validatorOf(draft: Draft): Ajv {
  const made = { '04': AjvDraft4.default, '06': Ajv, '07': Ajv, '2019': Ajv2019, '2020': Ajv2020 }[draft];
  const ajv = new made({ ...options, ...(draft === '06' ? { meta: false } : {}) });
  if (draft === '06') ajv.addMetaSchema(draft6);
  addFormats.default(ajv, { mode: 'fast' });
  return ajv;
}

const metaValidators = new Map<Draft, Ajv>();

/**
 * Checks a schema against the meta-schema of its draft, draft-07 when it names none that is known.
 * @throws LinewardError SCHEMA_INVALID with the place of the first fault.
 */
export function assertValidSchema(text: string): void {
  const schema: unknown = JSON.parse(text);
  if (typeof schema === 'boolean') return;
  if (!isJsonObject(schema)) throw invalidJsonSchema([], 'must be an object, true or false');
  const draft = draftOf(schema);
  const ajv = metaValidators.get(draft) ?? validatorOf(draft);
  metaValidators.set(draft, ajv);
  const meta = ajv.getSchema(metaSchemaIds[draft]);
  if (meta === undefined || meta({ ...schema, $schema: metaSchemaIds[draft] }) === true) return;
  const [fault] = meta.errors ?? [];
  const path = (fault?.instancePath ?? '').split('/').slice(1).map(unescaped);
  throw invalidJsonSchema(path, `${fault?.message ?? 'is not valid'} (JSON Schema draft ${draft})`);
}

const metaSchemaIds: Readonly<Record<Draft, string>> = {
  '04': 'http://json-schema.org/draft-04/schema',
  '06': 'http://json-schema.org/draft-06/schema',
  '07': 'http://json-schema.org/draft-07/schema',
  '2019': 'https://json-schema.org/draft/2019-09/schema',
  '2020': 'https://json-schema.org/draft/2020-12/schema',
};

function unescaped(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** Compiles a check of messages; a schema that cannot be checked makes every message a fault that says why. */
export function messageCheck(
  text: string,
  references: readonly ReferencedSchema[],
): (message: unknown) => readonly MessageFault[] {
  try {
    const check = compiled(text, references);
    return (message) => (check(message) ? [] : (check.errors ?? []).map(faultOf));
  } catch (error) {
    const isPattern = error instanceof Error && error.constructor.name.startsWith('RE2JS');
    const message = isPattern
      ? 'cannot be checked: a pattern of the schema uses look-around or back references, which take unbounded time'
      : 'cannot be checked against its schema';
    return () => [{ path: '(message)', message }];
  }
}

function compiled(text: string, references: readonly ReferencedSchema[]): ValidateFunction {
  const schema: unknown = JSON.parse(text);
  const ajv = validatorOf(draftOf(schema));
  for (const reference of references) {
    const referred: unknown = JSON.parse(reference.text);
    if (isSchema(referred) && ajv.getSchema(reference.name) === undefined) ajv.addSchema(referred, reference.name);
  }
  return ajv.compile(isSchema(schema) ? withKnownDraft(schema) : schema === true ? {} : { not: {} });
}

function isSchema(value: unknown): value is AnySchemaObject {
  return isJsonObject(value);
}

// A $schema that nobody knows is no reason not to check.
function withKnownDraft(schema: AnySchemaObject): AnySchemaObject {
  const { $schema: _, ...rest } = schema;
  return rest;
}

/** Says what was expected. Names of properties of a message are data, so only the place that the schema knows is told. */
function faultOf(error: ErrorObject): MessageFault {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((token) => (/^\d+$/.test(token) ? `[${token}]` : `.${unescaped(token)}`))
    .join('')
    .replace(/^\./, '');
  return { path: path === '' ? '(message)' : path, message: sentence(error) };
}

function sentence({ keyword, params, message }: ErrorObject): string {
  if (keyword === 'required') return `lacks the property ${String(params.missingProperty).slice(0, 80)}`;
  if (keyword === 'additionalProperties' || keyword === 'unevaluatedProperties')
    return 'holds a property that the schema does not have';
  if (keyword === 'type') return `must be ${String(params.type)}`;
  return message ?? 'does not fit';
}
