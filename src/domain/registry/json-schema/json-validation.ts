import type { AnySchemaObject, ErrorObject, ValidateFunction } from 'ajv';
import { isJsonObject, printJson } from '../json-text.ts';
import type { MessageFault } from '../message.ts';
import type { ReferencedSchema } from '../schema-format.ts';
import { draftOf } from './json-draft.ts';
import { type JsonResolver, namesOfReference, unescaped } from './json-resolver.ts';
import { linearPattern } from './linear-pattern.ts';
import { validatorOf } from './meta-schema.ts';
import { listOf, membersOf, textsOf } from './subschemas.ts';

// Ajv keeps one pattern for each text of a compiled one, so the text must tell them apart.
const regExp = Object.assign((pattern: string) => ({ test: linearPattern(pattern), toString: () => pattern }), {
  code: 'linearRegExp',
});

/** Compiles a check of messages; a schema that cannot be checked makes every message a fault that says why. */
export function messageCheck(
  resolver: JsonResolver,
  references: readonly ReferencedSchema[],
): (message: unknown) => readonly MessageFault[] {
  try {
    const check = compiled(resolver, references);
    const names = new Set(resolver.met.flatMap(({ schema }) => Object.keys(membersOf(schema.properties))));
    return (message) => {
      try {
        return check(message) ? [] : (check.errors ?? []).map((error) => faultOf(error, names));
      } catch (error) {
        // A schema that refers to itself checks a message as deep as it is, and the stack ends somewhere.
        if (error instanceof RangeError) return [{ path: '(message)', message: 'is nested too deeply' }];
        throw error;
      }
    };
  } catch (error) {
    const isPattern = error instanceof Error && error.constructor.name.startsWith('RE2JS');
    const message = isPattern
      ? 'cannot be checked: a pattern of the schema uses look-around or back references, which take unbounded time'
      : 'cannot be checked against its schema';
    return () => [{ path: '(message)', message }];
  }
}

function compiled(resolver: JsonResolver, references: readonly ReferencedSchema[]): ValidateFunction {
  const offers = new Map<string, number>();
  for (const anchor of resolver.met.flatMap(({ schema }) => textsOf([schema.$dynamicAnchor])))
    offers.set(anchor, (offers.get(anchor) ?? 0) + 1);
  const read = (text: string): unknown =>
    JSON.parse(text, (_key, value: unknown) => withStaticReference(value, offers));
  const schema = read(printJson(resolver.root));
  const ajv = validatorOf(draftOf(schema), { validateSchema: false, code: { regExp } });
  for (const { name, text } of references) {
    const referred = read(text);
    for (const key of namesOfReference(schema, name))
      if (isSchema(referred) && ajv.getSchema(key) === undefined) ajv.addSchema(referred, key);
  }
  return ajv.compile(isSchema(schema) ? withKnownDraft(schema) : schema === true ? {} : { not: {} });
}

// Ajv looks for a dynamic anchor among those it has passed, and takes the root where it passed none. An anchor that only one
// schema offers is always found, so a reference to it is an ordinary one.
function withStaticReference(value: unknown, offers: ReadonlyMap<string, number>): unknown {
  if (!isSchema(value) || typeof value.$dynamicRef !== 'string' || !value.$dynamicRef.startsWith('#')) return value;
  const { $dynamicRef, ...rest } = value;
  if (offers.get($dynamicRef.slice(1)) !== 1) return value;
  return { ...rest, allOf: [...listOf(rest.allOf), { $ref: $dynamicRef }] };
}

function isSchema(value: unknown): value is AnySchemaObject {
  return isJsonObject(value);
}

// A $schema that nobody knows is no reason not to check.
function withKnownDraft(schema: AnySchemaObject): AnySchemaObject {
  const { $schema: _, ...rest } = schema;
  return rest;
}

/**
 * Says what was expected. A name of a property that no schema gives is data of the message, and so is a key that is a long
 * number: both are told as `{}`.
 */
function faultOf(error: ErrorObject, names: ReadonlySet<string>): MessageFault {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map(unescaped)
    .map((token) => (names.has(token) ? `.${token}` : /^\d{1,7}$/.test(token) ? `[${token}]` : '{}'))
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
