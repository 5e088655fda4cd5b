import type { EncodedMessage, MessageFault } from './message.ts';

/** The schema languages, by the names that Confluent's protocol gives them. */
export const schemaFormats = ['AVRO', 'JSON', 'PROTOBUF'] as const;
export type SchemaFormat = (typeof schemaFormats)[number];

/** How strict the check of JSON Schemas is about optional properties of open content models. */
export const compatibilityPolicies = ['STRICT', 'LENIENT'] as const;
export type CompatibilityPolicy = (typeof compatibilityPolicies)[number];

/** The text of a schema that another one names: a full name in Avro, a `$ref` URI in JSON Schema, an import path in Protobuf. */
export interface ReferencedSchema {
  readonly name: string;
  readonly text: string;
}

/** A schema as it was given, with the texts of everything it refers to, directly or not. */
export interface SchemaSource {
  readonly text: string;
  /** What is referred to stands before what refers to it; a name stands once. */
  readonly references: readonly ReferencedSchema[];
}

/** What one part of a schema says that values are. */
export interface FieldMeaning {
  /** `twilio_type` as written; null when absent. */
  readonly semanticType: string | null;
  readonly tags: readonly string[];
}

/** A place where the record goes on as it does at one further up: both paths have the same members, however deep. */
export interface Recurrence {
  /** A field, its elements or its values: `a.b[]`. */
  readonly at: string;
  /** The place further up; empty for the record itself. */
  readonly to: string;
}

/** A path in a schema: `a.b`, elements of arrays `a[]`, values of maps `a{}`. */
export interface SchemaFieldPath {
  readonly path: string;
  /** Type without its null branch, in Avro's words: `string`, `long`, `record`, `array`, `map`, `enum`, `union`, … */
  readonly type: string;
  readonly nullable: boolean;
  /** True when a message without the field is refused. */
  readonly required: boolean;
  /** `twilio_type` as written; null when absent. */
  readonly semanticType: string | null;
  /** `confluent:tags` of the field as written, without duplicates. */
  readonly tags: readonly string[];
  /**
   * What values of the path are, by each part of the schema that speaks of them: the field, the branches of a union, elements and
   * values without fields. Never empty; one without type or tag stands where a part that shares the path says nothing.
   */
  readonly meanings: readonly FieldMeaning[];
  /** Where the field, its elements or its values begin again what began further up. */
  readonly recurrences: readonly Recurrence[];
  /** Those of the same places where texts, numbers and the like may stand beside records, lists and maps. */
  readonly plainAt: readonly string[];
  readonly doc: string | null;
}

/** One reason why data of one schema cannot be read with another. */
export interface Incompatibility {
  /** Name of the rule, as Confluent's registry calls it, e.g. `READER_FIELD_MISSING_DEFAULT_VALUE`. */
  readonly errorType: string;
  /** One sentence for people. */
  readonly description: string;
  /** Place in the reading schema, a JSON pointer such as `/fields/2/type`. */
  readonly path: string;
  /** The part that is at fault, e.g. a field name; empty when there is nothing to add. */
  readonly additionalInfo: string;
  /** How to mend it, one sentence for people. */
  readonly suggestion: string;
}

/** A schema that was read and checked. */
export interface ParsedSchema {
  readonly format: SchemaFormat;
  /** Canonical text: two schemas that differ only in white space or the like have the same. This is what the registry answers. */
  readonly text: string;
  /** The record (message, titled object) that the schema describes; null when it describes none, as `"string"`. */
  readonly record: { readonly namespace: string; readonly name: string } | null;
  /** All paths in document order; a path stands once. */
  readonly fields: readonly SchemaFieldPath[];
  /** Text after the normalization that clients ask for by `normalize=true`. */
  normalized(): string;
  /** Text in one of the named variants of Confluent's `format` parameter; null when the schema language has no such variant. */
  printed(variant: string): string | null;
  /** What stops a reader that has this schema from reading data written with `writer`. Both are of the same format. */
  incompatibilitiesWith(writer: ParsedSchema, policy: CompatibilityPolicy): readonly Incompatibility[];
  /** Where a decoded JSON message does not fit; at most 20, none when it fits. */
  messageFaults(message: unknown): readonly MessageFault[];
  /**
   * The payload of a message given as JSON: by Avro's JSON encoding, by Protobuf's JSON mapping for the first message of the
   * file, or as it is for JSON Schema. Never written is what does not fit.
   */
  encode(message: unknown): EncodedMessage;
  /**
   * What a payload holds, under the names of the catalog's paths and as JSON messages carry it: bytes as base64, enums by their
   * names. Exact: whole numbers beyond 2^53 are bigints. `messageIndexes` name the message of a Protobuf file.
   * @throws LinewardError VALUE_INVALID for bytes that are no data of the schema.
   */
  decode(payload: Uint8Array, messageIndexes: readonly number[] | null): unknown;
}
