import { isJsonObject } from '../json-text.ts';
import type { MessageFault } from '../message.ts';
import { allFields, mapTypes, type ProtoField, type ProtoMessage, scalarTypes } from './proto-file.ts';
import { stringOf } from './proto-option.ts';
import type { KnownType, ProtoTypes } from './proto-types.ts';
import { wellKnownCheck } from './well-known-json.ts';
import { wellKnownForms } from './well-known-types.ts';

const faultsMax = 20;
const depthMax = 100;

const isInteger = (value: unknown, min: bigint, max: bigint): boolean => {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return false;
  if (typeof value !== 'number' && !(typeof value === 'string' && /^-?\d{1,20}$/.test(value))) return false;
  const number = BigInt(value);
  return number >= min && number <= max;
};
const isFloat = (value: unknown): boolean =>
  typeof value === 'number' ||
  (typeof value === 'string' && /^(NaN|-?Infinity|-?\d+(\.\d+)?([eE][+-]?\d+)?)$/.test(value));
const isBase64 = (value: unknown): boolean => typeof value === 'string' && /^[\w+/-]*={0,2}$/.test(value);

const signed32 = { expected: 'a 32-bit integer', fits: (v: unknown) => isInteger(v, -(2n ** 31n), 2n ** 31n - 1n) };
const unsigned32 = { expected: 'an unsigned 32-bit integer', fits: (v: unknown) => isInteger(v, 0n, 2n ** 32n - 1n) };
const signed64 = {
  expected: 'a 64-bit integer, as text beyond 2^53',
  fits: (v: unknown) => isInteger(v, -(2n ** 63n), 2n ** 63n - 1n),
};
const unsigned64 = {
  expected: 'an unsigned 64-bit integer, as text beyond 2^53',
  fits: (v: unknown) => isInteger(v, 0n, 2n ** 64n - 1n),
};
const float = { expected: 'a number', fits: isFloat };

const checks: Readonly<Record<string, { readonly expected: string; readonly fits: (value: unknown) => boolean }>> = {
  ...{ int32: signed32, sint32: signed32, sfixed32: signed32, uint32: unsigned32, fixed32: unsigned32 },
  ...{ int64: signed64, sint64: signed64, sfixed64: signed64, uint64: unsigned64, fixed64: unsigned64 },
  ...{ float, double: float },
  bool: { expected: 'a boolean', fits: (value) => typeof value === 'boolean' },
  string: { expected: 'a string', fits: (value) => typeof value === 'string' },
  bytes: { expected: 'base64 text', fits: isBase64 },
};

/** Checks a decoded message by Protobuf's JSON mapping; unknown fields are faults, values never enter one. */
export function protobufMessageFaults(types: ProtoTypes, message: unknown): readonly MessageFault[] {
  const root = types.file.types.find((type) => type.kind === 'message');
  if (root === undefined) return [{ path: '(message)', message: 'has no message type in its schema' }];
  const check = new MessageCheck(types);
  const scope = types.file.package === '' ? root.name : `${types.file.package}.${root.name}`;
  check.message(root, message, { scope, path: '', depth: 0 });
  return check.faults.slice(0, faultsMax);
}

interface Place {
  readonly scope: string;
  readonly path: string;
  readonly depth: number;
}

class MessageCheck {
  readonly faults: MessageFault[] = [];
  readonly #types: ProtoTypes;

  constructor(types: ProtoTypes) {
    this.#types = types;
  }

  message(message: ProtoMessage, value: unknown, place: Place): void {
    if (this.faults.length >= faultsMax) return;
    if (!isJsonObject(value)) {
      this.#fault(place.path, 'must be an object');
      return;
    }
    if (place.depth > depthMax) {
      this.#fault(place.path, 'is nested too deeply');
      return;
    }
    const known = fieldsByJsonName(message);
    const present = new Set<ProtoField>();
    let unknown = 0;
    for (const [name, member] of Object.entries(value)) {
      const field = known.get(name);
      if (field === undefined) unknown += 1;
      else if (member !== null) {
        if (present.has(field)) this.#fault(inside(place.path, field.name), 'stands twice, by both of its names');
        present.add(field);
        this.#field(field, member, { ...place, path: inside(place.path, field.name) });
      }
    }
    if (unknown > 0) this.#fault(place.path, `holds ${unknown} field(s) that the schema does not have`);
    for (const field of message.fields)
      if (field.label === 'required' && !present.has(field)) this.#fault(inside(place.path, field.name), 'is missing');
    for (const oneof of message.oneofs)
      if (oneof.fields.filter((field) => present.has(field)).length > 1)
        this.#fault(inside(place.path, oneof.name), 'must hold at most one field of the oneof');
  }

  #field(field: ProtoField, value: unknown, place: Place): void {
    const map = mapTypes(field.type);
    if (map !== null) {
      if (!isJsonObject(value)) {
        this.#fault(place.path, 'must be an object');
        return;
      }
      if (!Object.keys(value).every((key) => isKey(map.key, key)))
        this.#fault(`${place.path}{}`, `must have keys of the type ${map.key}`);
      for (const member of Object.values(value)) this.#value(map.value, member, { ...place, path: `${place.path}{}` });
      return;
    }
    if (field.label !== 'repeated') {
      this.#value(field.type, value, place);
      return;
    }
    if (!Array.isArray(value)) {
      this.#fault(place.path, 'must be a list');
      return;
    }
    for (const [index, item] of value.entries())
      this.#value(field.type, item, { ...place, path: `${place.path}[${index}]` });
  }

  #value(type: string, value: unknown, place: Place): void {
    if (this.faults.length >= faultsMax) return;
    const named = scalarTypes.has(type) ? null : this.#types.resolve(type, place.scope);
    const fault = named === null ? undefined : wellKnownCheck(named.fullName)?.(value);
    if (typeof fault === 'string') this.#fault(place.path, fault);
    if (fault !== undefined) return;
    const check = checks[named === null ? type : (wellKnownForms.get(named.fullName) ?? '')];
    if (check !== undefined) {
      if (!check.fits(value)) this.#fault(place.path, `must be ${check.expected}`);
    } else if (named !== null) this.#named(named, value, place);
  }

  #named(named: KnownType, value: unknown, place: Place): void {
    const { definition, fullName } = named;
    if (definition?.kind === 'enum') {
      const isKnown =
        typeof value === 'number' ? Number.isInteger(value) : definition.values.some(({ name }) => name === value);
      if (!isKnown)
        this.#fault(
          place.path,
          `must be one of ${definition.values
            .slice(0, 20)
            .map(({ name }) => name)
            .join(', ')}`,
        );
    } else if (definition?.kind === 'message')
      this.message(definition, value, { scope: fullName, path: place.path, depth: place.depth + 1 });
    else if (named.kind === 'message' && !isJsonObject(value)) this.#fault(place.path, 'must be an object');
  }

  #fault(path: string, message: string): void {
    this.faults.push({ path: path === '' ? '(message)' : path, message });
  }
}

function inside(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** Keys of maps are text in JSON, whatever their type. */
function isKey(type: string, key: string): boolean {
  return type === 'bool' ? key === 'true' || key === 'false' : checks[type]?.fits(key) === true;
}

/** The fields of a message by the names that they may have in JSON. */
export function fieldsByJsonName(message: ProtoMessage): ReadonlyMap<string, ProtoField> {
  const fields = allFields(message);
  return new Map([
    ...fields.map((field) => [jsonNameOf(field), field] as const),
    ...fields.map((field) => [field.name, field] as const),
  ]);
}

/** The name of a field in JSON: its `json_name`, or else its name in lowerCamelCase. */
function jsonNameOf(field: ProtoField): string {
  const given = field.options.find((option) => option.name === 'json_name')?.value ?? '';
  return stringOf(given) ?? jsonName(field.name);
}

/** Protobuf's default JSON name: underscores go and the letter after each is upper case. */
export function jsonName(name: string): string {
  return name.replace(/_+([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase()).replace(/_+$/, '');
}
