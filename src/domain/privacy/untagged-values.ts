import type { MessageFault } from '../registry/message.ts';
import { typesOfValue } from './detect-types.ts';
import { childPath, type FieldPathStep, placesTo } from './field-path.ts';

/** What names a person, a device or an account by itself. Times, addresses of pages and prose do not, or not surely. */
const personal: ReadonlySet<string> = new Set(['email', 'phonenumber', 'ip', 'pan', 'ssn', 'sip_uri']);
/** Most places that one record is refused for by name. */
const faultsMax = 10;

/** What a schema says of its fields. */
export interface TaggedField {
  readonly path: string;
  readonly semanticType: string | null;
}

/**
 * Finds values that look personal in fields that no semantic type is given for, and in the keys of maps and of objects that
 * take others than their fields. What is in a field that has one is its matter, whatever it looks like.
 */
export class UntaggedValues {
  readonly #tagged: ReadonlySet<string>;
  readonly #maps: ReadonlySet<string>;
  /** Every field with the ways to it. */
  readonly #declared: ReadonlySet<string>;

  constructor(fields: readonly TaggedField[]) {
    this.#tagged = new Set(fields.filter(({ semanticType }) => semanticType !== null).map(({ path }) => path));
    const places = fields.flatMap(({ path }) => placesTo(path));
    this.#maps = new Set(places.flatMap(({ step, from }) => (step.kind === 'ENTRY' ? [from] : [])));
    this.#declared = new Set([...fields, ...places].map(({ path }) => path));
  }

  /** The places, each once; never what stands there. */
  in(record: unknown): readonly MessageFault[] {
    const found = new Map<string, string>();
    this.#walk('', record, found);
    return [...found].map(([path, type]) => ({
      path,
      message: `looks like ${type}, and the field has no semantic type; give it one in the next version, or leave the value out`,
    }));
  }

  #walk(path: string, value: unknown, found: Map<string, string>): void {
    if (found.size >= faultsMax || this.#tagged.has(path)) return;
    if (Array.isArray(value)) {
      for (const element of value) this.#walk(childPath(path, { kind: 'ELEMENT' }), element, found);
    } else if (typeof value === 'object' && value !== null && !Buffer.isBuffer(value)) {
      for (const [key, inner] of Object.entries(value)) {
        const step = this.#stepOf(path, key);
        const below = childPath(path, step);
        if (step.kind === 'ENTRY' && !this.#tagged.has(below)) note(found, `${below} (a key)`, key);
        this.#walk(below, inner, found);
      }
    } else note(found, path, value);
  }

  /** A key that no schema names is data in a map, and wherever it looks personal: it is part of no path. */
  #stepOf(path: string, key: string): FieldPathStep {
    const field: FieldPathStep = { kind: 'FIELD', name: key };
    if (this.#declared.has(childPath(path, field))) return field;
    return this.#maps.has(path) || personalType(key) !== undefined ? { kind: 'ENTRY' } : field;
  }
}

const personalType = (value: unknown): string | undefined => typesOfValue(value).find((name) => personal.has(name));

function note(found: Map<string, string>, path: string, value: unknown): void {
  const type = personalType(value);
  if (type !== undefined) found.set(path, type);
}
