import avsc from 'avsc';
import { expect } from 'vitest';
import { applyProtection, type Seal } from '../../../src/domain/privacy/apply-protection.ts';
import { protectAvro } from '../../../src/domain/privacy/protect-avro.ts';
import { protectJson } from '../../../src/domain/privacy/protect-json.ts';
import { protectProtobuf } from '../../../src/domain/privacy/protect-protobuf.ts';
import type { ProtectionPlan } from '../../../src/domain/privacy/protection-plan.ts';
import { parseAvroSchema } from '../../../src/domain/registry/avro/avro-schema.ts';
import type { AvroRecord } from '../../../src/domain/registry/avro/avro-type.ts';
import { parseJsonSchema } from '../../../src/domain/registry/json-schema/json-schema.ts';
import { parseProtobufSchema } from '../../../src/domain/registry/protobuf/protobuf-schema.ts';
import { fieldsOf, planOf } from './plan-builders.ts';

type Policies = Parameters<typeof planOf>[1];

const seal: Seal = (value) => `sealed(${String(value)})`;

/** What a plan leaves of a record as a value and as text: both ways say the same. */
function shownBy(plan: ProtectionPlan, value: unknown): unknown {
  const { record, ...counts } = applyProtection(plan, value, seal);
  const { text, ...counted } = protectJson(plan, JSON.stringify(value), seal);
  expect([JSON.parse(text), counted]).toEqual([record, counts]);
  return record;
}

export function jsonLane(schema: object, policies: Policies = [], references: { name: string; text: string }[] = []) {
  const parsed = parseJsonSchema({ text: JSON.stringify(schema), references });
  const plan = planOf(fieldsOf(parsed), policies);
  return { plan, shown: (value: unknown) => shownBy(plan, value) };
}

/** `shown` goes through bare JSON, `inBytes` through Avro's encoding. */
export function avroLane(schema: object, policies: Policies = []) {
  const text = JSON.stringify(schema);
  const parsed = parseAvroSchema({ text, references: [] });
  const plan = planOf(fieldsOf(parsed), policies);
  const type = avsc.Type.forSchema(JSON.parse(text), { wrapUnions: 'auto' });
  const inBytes = (value: unknown): unknown => {
    const { bytes } = protectAvro(plan, parsed.root as AvroRecord, type.toBuffer(value), seal);
    return JSON.parse(JSON.stringify(type.fromBuffer(bytes)));
  };
  return { plan, shown: (value: unknown) => shownBy(plan, value), inBytes };
}

/** A schema of Protobuf, proto3 unless told, whose first message is the record. */
export function protobufLane(body: string, policies: Policies = [], syntax = 'proto3') {
  const parsed = parseProtobufSchema({ text: `syntax = "${syntax}"; package n; ${body}`, references: [] });
  const plan = planOf(fieldsOf(parsed), policies);
  const target = { reading: parsed.reading, type: parsed.reading.message([0])! };
  const inBytes = (value: unknown): unknown => {
    const answer = parsed.encode(value);
    if (!answer.ok) throw new Error(JSON.stringify(answer.faults));
    return parsed.decode(protectProtobuf(plan, target, answer.payload, seal).bytes, [0]);
  };
  return { plan, target, seal, shown: (value: unknown) => shownBy(plan, value), inBytes };
}

/** Parts of schemas of each language. */
export const avroRecord = (name: string, ...fields: readonly object[]) => ({
  type: 'record',
  name,
  namespace: 'n',
  fields,
});
export const avroField = (name: string, type: unknown, twilio_type?: string) => ({
  name,
  type,
  ...(twilio_type === undefined ? {} : { twilio_type }),
});
export const text = (twilio_type?: string) => ({
  type: 'string',
  ...(twilio_type === undefined ? {} : { twilio_type }),
});
export const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });
export const as = (type: string): string => `[(twilio_type) = "${type}"]`;
