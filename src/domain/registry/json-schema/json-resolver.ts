import { LinewardError } from '../../../errors/lineward-error.ts';
import { isJsonObject, type JsonObject, readJson } from '../json-text.ts';
import type { ReferencedSchema } from '../schema-format.ts';

/** Most subschemas of a schema and its references. */
const subschemasMax = 50_000;

/** One document, or a part of one that has an identifier of its own: what a fragment `#…` is looked up in. */
interface Resource {
  readonly base: string;
  readonly root: unknown;
  readonly anchors: Map<string, unknown>;
}

export function invalidJsonSchema(path: readonly string[], message: string): LinewardError {
  const place = path.length === 0 ? 'schema' : path.join('.');
  return new LinewardError('SCHEMA_INVALID', `${place}: ${message}`, { path });
}

/** Keywords whose members are data or names and hold no subschema. */
const opaque = new Set(['enum', 'const', 'default', 'examples', 'required', 'confluent:tags']);

/** Finds what `$ref` points to, within a schema and the schemas that it refers to. Nothing is ever fetched. */
export class JsonResolver {
  readonly root: unknown;
  readonly #resources = new Map<string, Resource>();
  readonly #resourceOf = new Map<object, Resource>();
  #subschemas = 0;

  /** @throws LinewardError SCHEMA_INVALID or LIMIT_EXCEEDED */
  constructor(text: string, references: readonly ReferencedSchema[]) {
    for (const reference of references) this.#add(readJson(reference.text), reference.name);
    this.root = readJson(text);
    this.#add(this.root, '');
    this.#assertReferences(this.root, []);
  }

  #add(root: unknown, name: string): void {
    const resource: Resource = { base: identifierOf(root) ?? name, root, anchors: new Map() };
    if (name !== '') this.#resources.set(name, resource);
    this.#resources.set(withoutFragment(resource.base), resource);
    this.#crawl(root, resource);
  }

  #crawl(value: unknown, within: Resource): void {
    if (Array.isArray(value)) {
      for (const item of value) this.#crawl(item, within);
      return;
    }
    if (!isJsonObject(value)) return;
    this.#subschemas += 1;
    if (this.#subschemas > subschemasMax)
      throw new LinewardError('LIMIT_EXCEEDED', `The schema has more than ${subschemasMax} subschemas.`, {
        path: ['schema'],
      });
    const resource = this.#enter(value, within);
    this.#resourceOf.set(value, resource);
    for (const [key, member] of Object.entries(value)) if (!opaque.has(key)) this.#crawl(member, resource);
  }

  #enter(value: JsonObject, within: Resource): Resource {
    for (const key of ['$anchor', '$dynamicAnchor']) {
      const anchor = value[key];
      if (typeof anchor === 'string') within.anchors.set(anchor, value);
    }
    const id = identifierOf(value);
    if (id === null || value === within.root) return within;
    if (id.startsWith('#')) {
      within.anchors.set(id.slice(1), value);
      return within;
    }
    const resource: Resource = { base: joined(within.base, id), root: value, anchors: new Map() };
    this.#resources.set(withoutFragment(resource.base), resource);
    if (!this.#resources.has(id)) this.#resources.set(id, resource);
    return resource;
  }

  #assertReferences(value: unknown, path: readonly string[]): void {
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) this.#assertReferences(item, [...path, String(index)]);
      return;
    }
    if (!isJsonObject(value)) return;
    if (typeof value.$ref === 'string' && this.#find(value.$ref, value) === undefined) {
      throw invalidJsonSchema(
        [...path, '$ref'],
        `"${value.$ref.slice(0, 120)}" points to nothing; name the schema in "references", or correct the pointer`,
      );
    }
    for (const [key, member] of Object.entries(value))
      if (!opaque.has(key)) this.#assertReferences(member, [...path, key]);
  }

  /** What a `$ref` of a subschema means; undefined when it means nothing. */
  target(holder: JsonObject): unknown {
    const reference = [holder.$ref, holder.$dynamicRef, holder.$recursiveRef].find((one) => typeof one === 'string');
    return typeof reference === 'string' ? this.#find(reference, holder) : undefined;
  }

  #find(reference: string, holder: object): unknown {
    const from = this.#resourceOf.get(holder);
    const cut = reference.indexOf('#');
    const address = cut < 0 ? reference : reference.slice(0, cut);
    const fragment = cut < 0 ? '' : reference.slice(cut + 1);
    const resource =
      address === ''
        ? from
        : (this.#resources.get(address) ?? this.#resources.get(withoutFragment(joined(from?.base ?? '', address))));
    if (resource === undefined) return this.#resources.get(reference)?.root;
    if (fragment === '') return resource.root;
    if (!fragment.startsWith('/')) return resource.anchors.get(fragment);
    return pointed(resource.root, fragment);
  }
}

function identifierOf(value: unknown): string | null {
  if (!isJsonObject(value)) return null;
  const id = value.$id ?? (typeof value.id === 'string' && isIdentifierDraft4(value) ? value.id : undefined);
  return typeof id === 'string' ? id : null;
}

// Draft-04 spells the identifier `id`, which is also an ordinary name of a property.
function isIdentifierDraft4(value: JsonObject): boolean {
  return typeof value.$schema === 'string' && value.$schema.includes('draft-04');
}

function withoutFragment(uri: string): string {
  return uri.replace(/#.*$/s, '');
}

function joined(base: string, reference: string): string {
  if (URL.canParse(reference)) return reference;
  if (URL.canParse(reference, base)) return new URL(reference, base).href;
  return base.includes('/') ? `${base.slice(0, base.lastIndexOf('/') + 1)}${reference}` : reference;
}

/** RFC 6901, in its URI fragment form. */
function pointed(root: unknown, pointer: string): unknown {
  let at: unknown = root;
  for (const encoded of pointer.slice(1).split('/')) {
    const token = decoded(encoded).replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(at)) at = /^\d+$/.test(token) ? at[Number(token)] : undefined;
    else at = isJsonObject(at) && Object.hasOwn(at, token) ? at[token] : undefined;
    if (at === undefined) return undefined;
  }
  return at;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
