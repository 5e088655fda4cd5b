import {
  create,
  createFileRegistry,
  createMutableRegistry,
  fromBinary,
  type MessageInitShape,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import {
  AvroSerializer,
  HeaderSchemaIdSerializer,
  JsonSerializer,
  ProtobufSerializer,
  SchemaRegistryClient,
  SerdeType,
} from '@confluentinc/schemaregistry';
import { parseSchema } from '../../src/domain/registry/parse-schema.ts';
import type { SchemaFormat } from '../../src/domain/registry/schema-format.ts';

export interface ConfluentSchema {
  readonly format: SchemaFormat;
  readonly text: string;
  /** Where it is registered as the latest version. */
  readonly subject: string;
}

export interface ConfluentRecord {
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, Buffer>>;
}

/** Writes records as Confluent's client does, with the schema's id before the payload, or its GUID in a header. */
export async function confluentRecords(
  registryUrl: string,
  { format, text, subject }: ConfluentSchema,
  records: readonly Readonly<Record<string, unknown>>[],
  place: 'PREFIX' | 'HEADER' = 'PREFIX',
): Promise<ConfluentRecord[]> {
  const client = new SchemaRegistryClient({ baseURLs: [registryUrl], cacheCapacity: 10 });
  const conf = {
    useLatestVersion: true,
    subjectNameStrategy: () => subject,
    ...(place === 'HEADER' ? { schemaIdSerializer: HeaderSchemaIdSerializer } : {}),
  };
  const serializer = {
    AVRO: () => new AvroSerializer(client, SerdeType.VALUE, conf),
    JSON: () => new JsonSerializer(client, SerdeType.VALUE, conf),
    PROTOBUF: () =>
      new ProtobufSerializer(client, SerdeType.VALUE, { ...conf, registry: createMutableRegistry(messagesOf(text)) }),
  }[format]();
  const written: ConfluentRecord[] = [];
  for (const record of records) {
    const headers: Record<string, Buffer> = {};
    const message = format === 'PROTOBUF' ? protobufMessage(text, record) : record;
    written.push({ value: await serializer.serialize('topic', message, headers), headers });
  }
  return written;
}

function messagesOf(text: string) {
  const serialized = parseSchema('PROTOBUF', { text, references: [] }).printed('serialized') ?? '';
  return createFileRegistry(fromBinary(FileDescriptorProtoSchema, Buffer.from(serialized, 'base64')), () => undefined);
}

function protobufMessage(text: string, record: Readonly<Record<string, unknown>>) {
  const { record: root } = parseSchema('PROTOBUF', { text, references: [] });
  const message = messagesOf(text).getMessage(`${root?.namespace}.${root?.name}`);
  if (message === undefined) throw new Error('no message');
  return create(message, record as MessageInitShape<typeof message>);
}
