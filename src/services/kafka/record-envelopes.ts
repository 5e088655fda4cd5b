import type { RecordContent } from '../../domain/kafka/record-content.ts';
import { AvroSchema } from '../../domain/registry/avro/avro-schema.ts';
import { replaceAvroTexts } from '../../domain/registry/avro/avro-texts.ts';
import { ProtobufSchema } from '../../domain/registry/protobuf/protobuf-schema.ts';
import { replaceProtobufTexts } from '../../domain/registry/protobuf/protobuf-texts.ts';
import type { TextReplacement } from '../../domain/registry/text-replacement.ts';
import { strictUtf8 } from '../../domain/strict-utf8.ts';
import { toLinewardError } from '../../errors/lineward-error.ts';
import { looksSealed, SealedValues } from '../privacy/sealed-values.ts';
import type { RecordForm } from './record-reader.ts';

type EncodedForm = RecordForm & { readonly kind: 'ENCODED' };

/**
 * JSON text that holds the envelopes of a record. Of Avro and Protobuf it is made twice: of the bytes, in which they would be
 * replaced, and of what the schema's decoding says, so that one that replacing cannot reach is seen. Null for bytes that
 * cannot be walked over.
 */
export function envelopesText(form: RecordForm, record: RecordContent): string | null {
  if (form.kind === 'JSON') return jsonText(form);
  const found: string[] = [];
  const walked = replaceEncoded(form, (content) => {
    const text = sealedText(content);
    if (text !== null) found.push(text);
    return null;
  });
  return walked === null ? null : `${JSON.stringify(found)}\n${jsonOf(record)}`;
}

/** The value with other envelopes, and each other byte as it was; the same value where none is replaced. */
export function replaceEnvelopes(
  value: Buffer,
  form: RecordForm,
  replace: (envelope: string) => string | null,
): Buffer {
  const replaced = form.kind === 'JSON' ? replaceInJson(form, replace) : replaceEncoded(form, textReplacement(replace));
  if (replaced === null || replaced.equals(form.payload)) return value;
  return Buffer.concat([value.subarray(0, value.length - form.payload.length), replaced]);
}

const jsonText = ({ payload }: RecordForm): string => strictUtf8(payload) ?? '';

function replaceInJson(form: RecordForm, replace: (envelope: string) => string | null): Buffer | null {
  const text = jsonText(form);
  const replaced = SealedValues.replaceIn(text, replace);
  return replaced === text ? null : Buffer.from(replaced);
}

/** Null for bytes that cannot be walked over, e.g. in a member of a oneof that does not count. */
function replaceEncoded({ schema, messageIndexes, payload }: EncodedForm, replace: TextReplacement): Buffer | null {
  try {
    if (schema instanceof AvroSchema) return replaceAvroTexts(schema.root, payload, replace);
    if (!(schema instanceof ProtobufSchema)) return null;
    const type = schema.reading.message(messageIndexes ?? []);
    return type === null ? null : replaceProtobufTexts({ reading: schema.reading, type }, payload, replace);
  } catch (error) {
    if (toLinewardError(error).code === 'VALUE_INVALID') return null;
    throw error;
  }
}

const textReplacement =
  (replace: (envelope: string) => string | null): TextReplacement =>
  (content) => {
    const envelope = sealedText(content);
    const replaced = envelope === null ? null : replace(envelope);
    return replaced === null ? null : Buffer.from(replaced);
  };

/** The text of bytes that begin as envelopes do. All of an envelope is ASCII. */
function sealedText(content: Buffer): string | null {
  const text = content.toString('latin1');
  return looksSealed(text) ? text : null;
}

const jsonOf = (record: RecordContent): string =>
  JSON.stringify(record, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
