import { LinewardError } from '../../../errors/lineward-error.ts';
import { readExactJson } from '../../exact-json.ts';
import { strictUtf8 } from '../../strict-utf8.ts';
import { isJsonObject, printJson, readJson } from '../json-text.ts';
import type { EncodedMessage, MessageFault } from '../message.ts';
import type {
  CompatibilityPolicy,
  Incompatibility,
  ParsedSchema,
  ReferencedSchema,
  SchemaFieldPath,
  SchemaSource,
} from '../schema-format.ts';
import { incompatibilityOf } from './difference-text.ts';
import { JsonComparison } from './json-comparison.ts';
import { jsonFields } from './json-fields.ts';
import { JsonNodes } from './json-node.ts';
import { JsonResolver } from './json-resolver.ts';
import { messageCheck } from './json-validation.ts';
import { assertPatterns, assertValidSchema } from './meta-schema.ts';

/** A JSON Schema of draft 04, 06, 07, 2019-09 or 2020-12, read and checked. */
export class JsonSchema implements ParsedSchema {
  readonly format = 'JSON';
  readonly text: string;
  readonly record: ParsedSchema['record'];
  readonly #resolver: JsonResolver;
  readonly #nodes: JsonNodes;
  readonly #references: readonly ReferencedSchema[];
  #fields: readonly SchemaFieldPath[] | null = null;
  #check: ((message: unknown) => readonly MessageFault[]) | null = null;

  constructor(resolver: JsonResolver, references: readonly ReferencedSchema[]) {
    this.#resolver = resolver;
    this.#nodes = new JsonNodes(resolver);
    this.#references = references;
    this.text = printJson(resolver.root);
    this.record = recordOf(resolver.root);
  }

  get fields(): readonly SchemaFieldPath[] {
    this.#fields ??= jsonFields(this.#resolver);
    return this.#fields;
  }

  normalized(): string {
    return printJson(sorted(this.#resolver.root));
  }

  /** `resolved` carries the texts of references within the schema, under their names in `$defs`. */
  printed(variant: string): string | null {
    if (variant !== 'resolved') return null;
    const { root } = this.#resolver;
    if (this.#references.length === 0 || !isJsonObject(root)) return this.text;
    const place = isJsonObject(root.definitions) ? 'definitions' : '$defs';
    const inner = root[place];
    const definitions: Record<string, unknown> = { ...(isJsonObject(inner) ? inner : {}) };
    for (const { name, text } of this.#references) {
      const referred = readJson(text);
      definitions[name] = isJsonObject(referred) ? { $id: name, ...referred } : referred;
    }
    return printJson({ ...root, [place]: definitions });
  }

  incompatibilitiesWith(writer: ParsedSchema, policy: CompatibilityPolicy): readonly Incompatibility[] {
    if (!(writer instanceof JsonSchema)) throw new TypeError('schemas of two languages are never compared');
    const [original, update] = [writer.#nodes.node(writer.#resolver.root), this.#nodes.node(this.#resolver.root)];
    const found = new JsonComparison(policy).compare(original, update);
    const distinct = new Map(found.map((one) => [`${one.type} ${one.path}`, one]));
    return [...distinct.values()].map(incompatibilityOf);
  }

  messageFaults(message: unknown): readonly MessageFault[] {
    this.#check ??= messageCheck(this.#resolver, this.#references);
    return this.#check(message);
  }

  encode(message: unknown): EncodedMessage {
    const faults = this.messageFaults(message);
    return faults.length > 0 ? { ok: false, faults } : { ok: true, payload: Buffer.from(JSON.stringify(message)) };
  }

  decode(payload: Uint8Array): unknown {
    try {
      return readExactJson(strictUtf8(payload) ?? '');
    } catch {
      // The cause quotes the text.
      throw new LinewardError('VALUE_INVALID', 'The bytes are not JSON.');
    }
  }
}

/**
 * Reads a JSON Schema. A reference is found by its name, which is what `$ref` says.
 * @throws LinewardError SCHEMA_INVALID or LIMIT_EXCEEDED with the place of the fault in the schema.
 */
export function parseJsonSchema(source: SchemaSource): JsonSchema {
  const resolver = new JsonResolver(source.text, source.references);
  assertValidSchema(source.text);
  assertPatterns(resolver);
  return new JsonSchema(resolver, source.references);
}

/** The title is the name that clients' RecordNameStrategy takes. */
function recordOf(root: unknown): ParsedSchema['record'] {
  if (!isJsonObject(root) || typeof root.title !== 'string' || root.title.trim() === '') return null;
  const cut = root.title.lastIndexOf('.');
  return { namespace: cut < 0 ? '' : root.title.slice(0, cut), name: root.title.slice(cut + 1) };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const members: Record<string, unknown> = Object.create(null);
  for (const key of Object.keys(value).sort()) members[key] = sorted(value[key]);
  return members;
}
