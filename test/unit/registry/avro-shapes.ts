import fc from 'fast-check';

/** A field of a record, an item, a value or a branch. */
interface Part {
  name: string;
  aliases: string[];
  hasDefault: boolean;
  type: Shape;
}

/** A type to be: it may say what Avro forbids, and `avroOf` makes the nearest schema of it. */
export interface Shape {
  kind: 'primitive' | 'array' | 'map' | 'union' | 'record' | 'enum' | 'fixed' | 'reference';
  name: string;
  aliases: string[];
  symbols: string[];
  hasFallback: boolean;
  size: number;
  parts: Part[];
}

const primitives = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'];
const recordNames = ['R', 'S', 'T'];
const fieldNames = ['a', 'b', 'c', 'd'];
const symbols = ['X', 'Y', 'Z'];
const blank = { name: '', aliases: [], symbols: [], hasFallback: false, size: 0, parts: [] };

const partOf = (type: fc.Arbitrary<Shape>): fc.Arbitrary<Part> =>
  fc.record({ name: fc.constantFrom(...fieldNames), aliases: fc.constant([]), hasDefault: fc.boolean(), type });

const { root } = fc.letrec<{ root: Shape; type: Shape; record: Shape }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'avro' },
    fc.constantFrom(...primitives).map((name): Shape => ({ ...blank, kind: 'primitive', name })),
    fc.constantFrom(...recordNames).map((name): Shape => ({ ...blank, kind: 'reference', name })),
    fc
      .tuple(fc.constantFrom('E', 'F'), fc.subarray(symbols, { minLength: 1 }), fc.boolean())
      .map(([name, chosen, hasFallback]): Shape => ({ ...blank, kind: 'enum', name, symbols: chosen, hasFallback })),
    fc
      .tuple(fc.constantFrom('H', 'I'), fc.integer({ min: 1, max: 3 }))
      .map(([name, size]): Shape => ({ ...blank, kind: 'fixed', name, size })),
    fc
      .tuple(fc.constantFrom('array' as const, 'map' as const), partOf(tie('type')))
      .map(([kind, part]): Shape => ({ ...blank, kind, parts: [part] })),
    fc
      .array(partOf(tie('type')), { minLength: 1, maxLength: 4 })
      .map((parts): Shape => ({ ...blank, kind: 'union', parts })),
    tie('record'),
  ),
  record: fc
    .tuple(fc.constantFrom(...recordNames), fc.array(partOf(tie('type')), { maxLength: 4 }))
    .map(([name, parts]): Shape => ({ ...blank, kind: 'record', name, parts })),
  root: fc.oneof({ weight: 5, arbitrary: tie('record') }, { weight: 1, arbitrary: tie('type') }),
}));

/** Any type with whatever is in it. */
export const shapes: fc.Arbitrary<Shape> = root;

/** A writer and a reader that was made of it by a few edits: about as many pairs go together as do not. */
export const evolutions: fc.Arbitrary<readonly [Shape, Shape]> = fc
  .tuple(root, fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 4 }))
  .map(([writer, edits]) => {
    const reader = structuredClone(writer);
    for (const [place, choice] of edits) edit(reader, place, choice);
    return [writer, reader];
  });

function within(shape: Shape): Shape[] {
  return [shape, ...shape.parts.flatMap((part) => within(part.type))];
}

function pick<T>(items: readonly T[], choice: number): T | undefined {
  return items[choice % Math.max(1, items.length)];
}

function edit(root: Shape, place: number, choice: number): void {
  const shape = pick(within(root), place) ?? root;
  const rest = Math.floor(choice / 8);
  if (shape.kind === 'record') editRecord(shape, choice % 8, rest);
  else if (shape.kind === 'enum') {
    if (choice % 3 === 0) shape.hasFallback = !shape.hasFallback;
    else if (choice % 3 === 1) shape.symbols = symbols.slice(0, 1 + (rest % 3));
    else shape.name = 'G';
  } else if (shape.kind === 'fixed') shape.size = 1 + (rest % 3);
  else if (shape.kind === 'union' && choice % 2 === 0) shape.parts.reverse();
  else if (shape.kind === 'union') shape.parts.splice(rest % Math.max(1, shape.parts.length), 1);
  else if (choice % 2 === 0) Object.assign(shape, { ...blank, kind: 'primitive', name: pick(primitives, rest) });
  else wrap(shape);
}

function wrap(shape: Shape): void {
  const part = (type: Shape): Part => ({ name: 'a', aliases: [], hasDefault: true, type });
  const nothing: Shape = { ...blank, kind: 'primitive', name: 'null' };
  Object.assign(shape, { ...blank, kind: 'union', parts: [part(nothing), part({ ...shape })] });
}

function editRecord(shape: Shape, choice: number, rest: number): void {
  const field = pick(shape.parts, rest);
  const added: Shape = { ...blank, kind: 'primitive', name: pick(primitives, rest) ?? 'int' };
  if (choice < 2) shape.parts.push({ name: `n${rest % 3}`, aliases: [], hasDefault: choice === 0, type: added });
  else if (choice === 2) shape.parts.splice(rest % Math.max(1, shape.parts.length), 1);
  else if (choice === 3) shape.parts.reverse();
  else if (choice === 4 && field !== undefined) field.hasDefault = !field.hasDefault;
  else if (choice === 5 && field !== undefined) Object.assign(field, { name: `r${rest % 3}`, aliases: [field.name] });
  else if (choice === 6) Object.assign(shape, { name: 'Q', aliases: rest % 2 === 0 ? [shape.name] : [] });
  else wrap(shape);
}

type Json = Record<string, unknown>;

/** The Avro schema of a shape: names are defined once and referred to after that, unions have each branch once. */
export function avroOf(shape: Shape): unknown {
  return new Builder().type(shape);
}

class Builder {
  /** What was defined; null while it still is. */
  readonly #defined = new Map<string, Json | null>();

  type(shape: Shape): unknown {
    if (shape.kind === 'primitive') return shape.name;
    const [first] = shape.parts;
    if (shape.kind === 'array') return { type: 'array', items: first === undefined ? 'int' : this.type(first.type) };
    if (shape.kind === 'map') return { type: 'map', values: first === undefined ? 'int' : this.type(first.type) };
    if (shape.kind === 'union') return this.#union(shape);
    if (this.#defined.has(shape.name)) return shape.name;
    return shape.kind === 'reference' ? 'int' : this.#named(shape);
  }

  #union({ parts }: Shape): unknown {
    const branches = new Map<string, unknown>();
    for (const part of parts) {
      if (part.type.kind === 'union') continue;
      const name = ['array', 'map', 'primitive'].includes(part.type.kind) ? part.type.name || part.type.kind : '';
      const key = name !== '' ? name : this.#keyOf(part.type);
      if (!branches.has(key)) branches.set(key, this.type(part.type));
    }
    return branches.size === 0 ? 'null' : [...branches.values()];
  }

  #keyOf(shape: Shape): string {
    return shape.kind === 'reference' && !this.#defined.has(shape.name) ? 'int' : shape.name;
  }

  #named(shape: Shape): Json {
    const { kind, name, aliases } = shape;
    this.#defined.set(name, null);
    const head = { type: kind, name, ...(aliases.length === 0 ? {} : { aliases }) };
    const made: Json =
      kind === 'enum'
        ? { ...head, symbols: shape.symbols, ...(shape.hasFallback ? { default: shape.symbols[0] } : {}) }
        : kind === 'fixed'
          ? { ...head, size: shape.size }
          : { ...head, fields: this.#fields(shape.parts) };
    this.#defined.set(name, made);
    return made;
  }

  #fields(parts: readonly Part[]): readonly Json[] {
    const fields = new Map<string, Json>();
    for (const { name, aliases, hasDefault, type: shape } of parts) {
      if (fields.has(name)) continue;
      const type = this.type(shape);
      const value = hasDefault ? this.#valueOf(type) : undefined;
      fields.set(name, {
        name,
        type,
        ...(value === undefined ? {} : { default: value }),
        ...(aliases.length === 0 ? {} : { aliases }),
      });
    }
    return [...fields.values()];
  }

  /** A value of a type; undefined when it would have to hold itself. */
  #valueOf(type: unknown, depth = 0): unknown {
    if (depth > 6) return undefined;
    if (Array.isArray(type)) return this.#valueOf(type[0], depth);
    if (typeof type === 'string') {
      const plain: Json = { null: null, boolean: false, int: 0, long: 0, float: 0, double: 0, bytes: '', string: '' };
      return type in plain ? plain[type] : this.#valueOf(this.#defined.get(type), depth);
    }
    if (typeof type !== 'object' || type === null) return undefined;
    const { type: kind, symbols: known, size, fields } = type as Json;
    if (kind === 'array') return [];
    if (kind === 'map') return {};
    if (kind === 'enum') return Array.isArray(known) ? known[0] : undefined;
    if (kind === 'fixed') return '\0'.repeat(Number(size));
    const members = (fields as readonly Json[]).map(
      (field) => [String(field.name), this.#valueOf(field.type, depth + 1)] as const,
    );
    return members.some(([, value]) => value === undefined) ? undefined : Object.fromEntries(members);
  }
}
