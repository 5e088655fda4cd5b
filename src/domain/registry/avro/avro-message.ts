import { isJsonObject } from '../json-text.ts';
import type { MessageFault } from '../message.ts';
import {
  type AvroPrimitive,
  type AvroRecord,
  type AvroType,
  branchName,
  isNullable,
  withoutNull,
} from './avro-type.ts';

const faultsMax = 20;
/** Deepest nesting of a message; recursive types put no end to it themselves. */
const depthMax = 256;
/** Steps of one check: unions of unions of records could ask for more than any message needs. */
const stepsMax = 1_000_000;

interface Check {
  readonly expected: string;
  readonly fits: (value: unknown) => boolean;
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);

const primitiveChecks: Readonly<Record<AvroPrimitive, Check>> = {
  null: { expected: 'null', fits: (value) => value === null },
  boolean: { expected: 'a boolean', fits: (value) => typeof value === 'boolean' },
  int: {
    expected: 'a 32-bit integer',
    fits: (value) => Number.isInteger(value) && Math.abs(Number(value)) <= 2 ** 31 && value !== 2 ** 31,
  },
  // JSON numbers beyond 2^53 have lost digits before we see them.
  long: { expected: 'an integer within ±2^53', fits: (value) => Number.isSafeInteger(value) },
  float: { expected: 'a number', fits: isNumber },
  double: { expected: 'a number', fits: isNumber },
  bytes: { expected: 'a string', fits: isText },
  string: { expected: 'a string', fits: isText },
};

/** Checks one decoded JSON message; answers at most 20 faults, none when it fits. Values never enter a fault. */
export function avroMessageFaults(root: AvroType, message: unknown): readonly MessageFault[] {
  const checker = new MessageChecker();
  checker.check(root, message, '');
  return checker.faults.slice(0, faultsMax);
}

class MessageChecker {
  readonly faults: MessageFault[] = [];
  /** What is known of the branches of unions: branches within branches would be tried many times over. */
  #known = new Map<AvroType, Map<unknown, boolean>>();
  #steps = 0;
  #depth = 0;

  check(type: AvroType, value: unknown, path: string): void {
    this.#steps += 1;
    if (this.faults.length >= faultsMax || (value === null && isNullable(type))) return;
    this.#depth += 1;
    const expected = this.#limit() ?? this.#inside(withoutNull(type), value, path);
    this.#depth -= 1;
    if (expected !== null) this.#fault(path, `must be ${expected}${isNullable(type) ? ' or null' : ''}`);
  }

  #limit(): string | null {
    if (this.#depth > depthMax) return `nested at most ${depthMax} levels deep`;
    return this.#steps > stepsMax ? 'of a shape that takes fewer steps to check' : null;
  }

  /** Checks what is inside a value; answers what was expected instead when it is of another kind. */
  #inside(type: AvroType, value: unknown, path: string): string | null {
    switch (type.kind) {
      case 'primitive':
        return primitiveChecks[type.name].fits(value) ? null : primitiveChecks[type.name].expected;
      case 'fixed':
        return typeof value === 'string' && value.length === type.size ? null : `a string of ${type.size} bytes`;
      case 'enum':
        return typeof value === 'string' && type.symbols.includes(value)
          ? null
          : `one of ${type.symbols.slice(0, 20).join(', ')}`;
      case 'array':
        if (!Array.isArray(value)) return 'a list';
        for (const [index, item] of value.entries()) this.check(type.items, item, `${path}[${index}]`);
        return null;
      case 'map':
        // Map keys are data, so they stay out of the path.
        if (!isJsonObject(value)) return 'an object';
        for (const item of Object.values(value)) this.check(type.values, item, `${path}{}`);
        return null;
      case 'record':
        if (!isJsonObject(value)) return 'an object';
        this.#record(type, value, path);
        return null;
      case 'union':
        return type.branches.some((branch) => this.#fitsBranch(branch, value)) ? null : 'of one of the union’s types';
    }
  }

  /** A value of a union stands bare, or under the name of its branch as Avro's JSON encoding has it. */
  #fitsBranch(branch: AvroType, value: unknown): boolean {
    if (this.#fits(branch, value)) return true;
    const name = branchName(branch);
    return (
      isJsonObject(value) &&
      Object.keys(value).length === 1 &&
      Object.hasOwn(value, name) &&
      this.#fits(branch, value[name])
    );
  }

  #fits(type: AvroType, value: unknown): boolean {
    const known = this.#known.get(type) ?? new Map<unknown, boolean>();
    this.#known.set(type, known);
    const found = known.get(value) ?? this.#tried(type, value);
    if (typeof value === 'object') known.set(value, found);
    return found;
  }

  #tried(type: AvroType, value: unknown): boolean {
    const inner = new MessageChecker();
    inner.#known = this.#known;
    inner.#steps = this.#steps;
    inner.#depth = this.#depth;
    inner.check(type, value, '');
    this.#steps = inner.#steps;
    return inner.faults.length === 0;
  }

  #record(record: AvroRecord, value: Readonly<Record<string, unknown>>, path: string): void {
    const inside = (name: string): string => (path === '' ? name : `${path}.${name}`);
    let unknown = Object.keys(value).length;
    for (const field of record.fields) {
      if (Object.hasOwn(value, field.name)) {
        unknown -= 1;
        this.check(field.type, value[field.name], inside(field.name));
      } else if (!isNullable(field.type) && !field.hasDefault) this.#fault(inside(field.name), 'is missing');
    }
    if (unknown > 0) this.#fault(path, `holds ${unknown} field(s) that the schema does not have`);
  }

  #fault(path: string, message: string): void {
    this.faults.push({ path: path === '' ? '(message)' : path, message });
  }
}
