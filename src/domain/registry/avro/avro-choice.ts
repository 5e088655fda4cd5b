import { isJsonObject } from '../json-text.ts';
import { fitsFixed, primitiveForms } from './avro-json.ts';
import { type AvroRecord, type AvroType, type AvroUnion, branchName, isNullable } from './avro-type.ts';

/** Deepest nesting of a message; recursive types put no end to it themselves. */
export const depthMax = 256;
/** Steps over one message: unions of thousands of records could ask for more than any message needs. */
const stepsMax = 1_000_000;

/** The branch that a value is of, with the value without its tag; or a text that says what it must be. */
export type Choice = { readonly index: number; readonly type: AvroType; readonly value: unknown } | string;

/**
 * Finds the branches of unions. Messages carry the name of the branch, as Avro's JSON encoding has it, or leave it out where
 * one branch alone fits; defaults never carry it, and the first branch that fits counts.
 */
export class AvroChoice {
  readonly #isDefault: boolean;
  /** What is known of objects: unions within unions would ask the same many times over. */
  readonly #known = new Map<AvroType, Map<object, boolean>>();
  #steps = 0;
  #depth = 0;

  constructor(isDefault: boolean) {
    this.#isDefault = isDefault;
  }

  choose(union: AvroUnion, value: unknown): Choice {
    const tagged = this.#isDefault ? null : taggedBranch(union, value);
    if (tagged !== null && this.fits(tagged.type, tagged.value)) return tagged;
    const near = union.branches.flatMap((type, index) => (isNear(type, value) ? [{ index, type, value }] : []));
    const [only, ...others] = near;
    // A single candidate is taken though it may not fit, so that its own faults are told.
    if (only !== undefined && others.length === 0 && tagged === null) return only;
    const fitting = near.filter(({ type }) => this.fits(type, value));
    const [first, second] = fitting;
    if (first !== undefined && (second === undefined || this.#isDefault)) return first;
    if (second !== undefined)
      return `of one of the union’s types alone; name the type, as {"${cut(branchName(second.type))}": …}`;
    return (
      tagged ??
      `one of the union’s types: ${union.branches
        .slice(0, 20)
        .map((type) => cut(branchName(type)))
        .join(', ')}`
    );
  }

  fits(type: AvroType, value: unknown): boolean {
    if (typeof value !== 'object' || value === null) return this.#inside(type, value);
    const known = this.#known.get(type) ?? new Map<object, boolean>();
    this.#known.set(type, known);
    const found = known.get(value) ?? this.#inside(type, value);
    known.set(value, found);
    return found;
  }

  #inside(type: AvroType, value: unknown): boolean {
    this.#steps += 1;
    if (this.#steps > stepsMax || this.#depth > depthMax) return false;
    // A union is no level of its own, as it is none where messages are written.
    const level = type.kind === 'union' ? 0 : 1;
    this.#depth += level;
    const found = this.#fitsKind(type, value);
    this.#depth -= level;
    return found;
  }

  #fitsKind(type: AvroType, value: unknown): boolean {
    // What fits several branches of an inner union fits; which of them is meant is asked where it is written.
    if (type.kind === 'union')
      return this.#fitsTag(type, value) || type.branches.some((branch) => this.fits(branch, value));
    if (!isNear(type, value)) return false;
    if (type.kind === 'array') return Array.isArray(value) && value.every((item) => this.fits(type.items, item));
    if (!isJsonObject(value)) return true;
    if (type.kind === 'map') return Object.values(value).every((item) => this.fits(type.values, item));
    return type.kind === 'record' && this.#fitsRecord(type, value);
  }

  #fitsTag(union: AvroUnion, value: unknown): boolean {
    const tagged = this.#isDefault ? null : taggedBranch(union, value);
    return tagged !== null && this.fits(tagged.type, tagged.value);
  }

  #fitsRecord({ fields }: AvroRecord, value: Readonly<Record<string, unknown>>): boolean {
    let present = 0;
    for (const field of fields) {
      if (Object.hasOwn(value, field.name)) {
        present += 1;
        if (!this.fits(field.type, value[field.name])) return false;
      } else if (!field.hasDefault && !isNullable(field.type)) return false;
    }
    return present === Object.keys(value).length;
  }
}

function taggedBranch({ branches }: AvroUnion, value: unknown): Exclude<Choice, string> | null {
  if (!isJsonObject(value)) return null;
  const [tag, ...more] = Object.keys(value);
  if (tag === undefined || more.length > 0) return null;
  const index = branches.findIndex((branch) => branchName(branch) === tag);
  const type = branches[index];
  return type === undefined ? null : { index, type, value: value[tag] };
}

/** Whether a value is of the kind of a type; what is inside it is another question. */
function isNear(type: AvroType, value: unknown): boolean {
  switch (type.kind) {
    case 'primitive':
      return primitiveForms[type.name].fits(value);
    case 'enum':
      return typeof value === 'string' && type.symbols.includes(value);
    case 'fixed':
      return fitsFixed(type, value);
    case 'array':
      return Array.isArray(value);
    default:
      return type.kind === 'union' || isJsonObject(value);
  }
}

function cut(name: string): string {
  return name.slice(0, 80);
}
