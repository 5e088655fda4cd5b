import { LinewardError } from '../../../errors/lineward-error.ts';
import { isJsonObject, type JsonObject, readJson } from '../json-text.ts';
import type { ReferencedSchema } from '../schema-format.ts';
import { type Draft, draftOf } from './json-draft.ts';
import { listOf, subschemasOf } from './subschemas.ts';

/** Most subschemas of a schema and its references. */
const subschemasMax = 50_000;

/** One document, or a part of one that has an identifier of its own: what a fragment `#…` is looked up in. */
interface Resource {
  readonly base: string;
  readonly root: unknown;
  readonly draft: Draft;
  readonly anchors: Map<string, unknown>;
}

/** A schema that was met, and the way to it. */
interface Met {
  readonly schema: JsonObject;
  readonly path: readonly string[];
}

/** A refusal of a schema that names the place, a JSON pointer as tokens. */
export function invalidJsonSchema(path: readonly string[], message: string): LinewardError {
  const place = path.length === 0 ? 'schema' : path.map((token) => token.slice(0, 80)).join('.');
  return new LinewardError('SCHEMA_INVALID', `${place}: ${message}`, { path });
}

/**
 * Finds what `$ref` points to, within a schema and the schemas that it refers to, as Confluent's registry does: a reference
 * is known by its name, by its name resolved against the identifier of the schema, and by its own identifier. Nothing is
 * ever fetched.
 */
export class JsonResolver {
  readonly root: unknown;
  readonly #resources = new Map<string, Resource>();
  readonly #resourceOf = new Map<object, Resource>();
  readonly #met: Met[] = [];

  /** @throws LinewardError SCHEMA_INVALID or LIMIT_EXCEEDED */
  constructor(text: string, references: readonly ReferencedSchema[]) {
    this.root = readJson(text);
    for (const { name, text: referred } of references) {
      const resource = this.#add(readJson(referred), name, ['references', name]);
      for (const one of namesOfReference(this.root, name)) this.#name(one, resource);
    }
    this.#add(this.root, '', []);
    this.#assertTargets();
  }

  /** Every schema of the documents, and of what they point to, in the order they were met. */
  get met(): readonly Met[] {
    return this.#met;
  }

  /**
   * What the references of a subschema mean: none, one, or two where `$ref` and `$dynamicRef` stand side by side. A dynamic
   * reference means the anchor that it finds where it stands.
   */
  targets(holder: JsonObject): readonly unknown[] {
    return referencesOf(holder).map((reference) => this.#find(reference, holder)?.target);
  }

  #add(root: unknown, name: string, path: readonly string[]): Resource {
    const draft = draftOf(root);
    const resource: Resource = { base: identifierOf(root, draft) ?? name, root, draft, anchors: new Map() };
    this.#name(withoutFragment(resource.base), resource);
    this.#crawl(root, resource, path);
    return resource;
  }

  #name(name: string, resource: Resource): void {
    if (!this.#resources.has(name)) this.#resources.set(name, resource);
  }

  #crawl(schema: unknown, within: Resource, path: readonly string[]): void {
    if (!isJsonObject(schema) || this.#resourceOf.has(schema)) return;
    this.#met.push({ schema, path });
    if (this.#met.length > subschemasMax)
      throw new LinewardError('LIMIT_EXCEEDED', `The schema has more than ${subschemasMax} subschemas.`, {
        path: ['schema'],
      });
    const resource = this.#enter(schema, within);
    this.#resourceOf.set(schema, resource);
    for (const inner of subschemasOf(schema)) this.#crawl(inner.schema, resource, [...path, ...inner.path]);
  }

  #enter(schema: JsonObject, within: Resource): Resource {
    const resource = this.#identified(schema, within);
    for (const anchor of [schema.$anchor, schema.$dynamicAnchor])
      if (typeof anchor === 'string') resource.anchors.set(anchor, schema);
    return resource;
  }

  #identified(schema: JsonObject, within: Resource): Resource {
    const id = identifierOf(schema, within.draft);
    if (id === null || schema === within.root) return within;
    if (id.startsWith('#')) {
      within.anchors.set(id.slice(1), schema);
      return within;
    }
    const base = joined(within.base, id);
    const resource: Resource = { base, root: schema, draft: within.draft, anchors: new Map() };
    this.#name(withoutFragment(base), resource);
    this.#name(id, resource);
    return resource;
  }

  // A pointer may lead into what is no schema by its place, as `#/components/schemas/a`: that is met here, and grows the list.
  #assertTargets(): void {
    for (let index = 0; index < this.#met.length; index += 1) {
      const { schema, path } = this.#met[index] ?? { schema: {}, path: [] };
      for (const reference of referencesOf(schema)) {
        const found = this.#find(reference, schema);
        if (found === undefined || !(isJsonObject(found.target) || typeof found.target === 'boolean')) {
          const keyword = schema.$ref === reference ? '$ref' : '$dynamicRef';
          throw invalidJsonSchema(
            [...path, keyword],
            `"${reference.slice(0, 80)}" points to no schema; name the schema in "references", or correct the pointer`,
          );
        }
        this.#crawl(found.target, found.within, [...path, '$ref']);
      }
    }
  }

  #find(reference: string, holder: object): { readonly target: unknown; readonly within: Resource } | undefined {
    const from = this.#resourceOf.get(holder);
    const cut = reference.indexOf('#');
    const address = cut < 0 ? reference : reference.slice(0, cut);
    const fragment = cut < 0 ? '' : reference.slice(cut + 1);
    const within = this.#resources.get(reference) ?? (address === '' ? from : this.#resource(address, from));
    if (within === undefined) return undefined;
    if (fragment === '' || this.#resources.has(reference)) return { target: within.root, within };
    const target = fragment.startsWith('/') ? pointed(within.root, fragment) : within.anchors.get(decoded(fragment));
    return { target, within };
  }

  #resource(address: string, from: Resource | undefined): Resource | undefined {
    const absolute = withoutFragment(joined(from?.base ?? '', address));
    const bare = address.replace(/^\.\//, '');
    return this.#resources.get(absolute) ?? this.#resources.get(address) ?? this.#resources.get(bare);
  }
}

/** The names by which a schema may refer to another one: as it stands, and resolved against the identifier of the schema. */
export function namesOfReference(root: unknown, name: string): readonly string[] {
  return [joined(identifierOf(root, draftOf(root)) ?? '', name), name];
}

function referencesOf({ $ref, $dynamicRef, $recursiveRef }: JsonObject): readonly string[] {
  return [$ref, $dynamicRef, $recursiveRef].filter((one) => typeof one === 'string');
}

// Draft-04 spells the identifier `id`.
function identifierOf(schema: unknown, draft: Draft): string | null {
  const id = isJsonObject(schema) ? schema[draft === 4 ? 'id' : '$id'] : null;
  return typeof id === 'string' && id !== '' && id !== '#' ? id : null;
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
    const token = unescaped(decoded(encoded));
    if (Array.isArray(at)) at = /^\d+$/.test(token) ? listOf(at)[Number(token)] : undefined;
    else at = isJsonObject(at) && Object.hasOwn(at, token) ? at[token] : undefined;
    if (at === undefined) return undefined;
  }
  return at;
}

/** A token of a JSON pointer as it was before it was escaped (RFC 6901). */
export function unescaped(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
