import type { ByteWriter } from '../byte-writer.ts';

/** How values of a scalar type are written. */
export interface ScalarForm {
  readonly wireType: 0 | 1 | 2 | 5;
  /** What a value must be that the check of messages lets pass, and this type cannot hold; null when it can. */
  refusal?(value: unknown): string | null;
  write(out: ByteWriter, value: unknown): void;
  isDefault(value: unknown): boolean;
}

const whole = (value: unknown): bigint => BigInt(typeof value === 'number' ? value : String(value));
const isZero = (value: unknown): boolean => whole(value) === 0n;
const unsigned64 = (value: unknown): bigint => BigInt.asUintN(64, whole(value));
const unsigned32 = (value: unknown): number => Number(BigInt.asUintN(32, whole(value)));
/** The default is 0 and not -0, which readers tell apart. */
const isPlainZero = (value: unknown): boolean => Object.is(Number(value), 0);

const integer = (wireType: 0 | 1 | 5, write: ScalarForm['write']): ScalarForm => ({
  wireType,
  write,
  isDefault: isZero,
});
const varint = integer(0, (out, value) => out.varint(unsigned64(value)));
const zigZag = integer(0, (out, value) => out.zigZag(whole(value)));
const fixed32 = integer(5, (out, value) => out.fixed32(unsigned32(value)));
const fixed64 = integer(1, (out, value) => out.fixed64(unsigned64(value)));

const isFiniteText = (value: unknown): boolean => /\d/.test(String(value));
const beyond = (expected: string, round: (value: number) => number) => (value: unknown) =>
  isFiniteText(value) && !Number.isFinite(round(Number(value))) ? expected : null;

/** Base64 in either alphabet, with or without its padding. */
const bytesOf = (value: unknown): Buffer => Buffer.from(String(value), 'base64');
const isWholeBase64 = (value: unknown): boolean => String(value).replace(/=+$/, '').length % 4 !== 1;

export const scalarForms: Readonly<Record<string, ScalarForm>> = {
  ...{ int32: varint, int64: varint, uint32: varint, uint64: varint, sint32: zigZag, sint64: zigZag },
  ...{ fixed32, sfixed32: fixed32, fixed64, sfixed64: fixed64 },
  bool: {
    wireType: 0,
    write: (out, value) => out.byte(value === true || value === 'true' ? 1 : 0),
    isDefault: (value) => value === false,
  },
  float: {
    wireType: 5,
    refusal: beyond('a number in the range of float', Math.fround),
    write: (out, value) => out.float(Number(value)),
    isDefault: isPlainZero,
  },
  double: {
    wireType: 1,
    refusal: beyond('a number in the range of double', Number),
    write: (out, value) => out.double(Number(value)),
    isDefault: isPlainZero,
  },
  string: {
    wireType: 2,
    refusal: (value) => (String(value).isWellFormed() ? null : 'text of whole characters'),
    write: (out, value) => sized(out, Buffer.from(String(value))),
    isDefault: (value) => value === '',
  },
  bytes: {
    wireType: 2,
    refusal: (value) => (isWholeBase64(value) ? null : 'base64 text'),
    write: (out, value) => sized(out, bytesOf(value)),
    isDefault: (value) => bytesOf(value).length === 0,
  },
};

export function sized(out: ByteWriter, bytes: Uint8Array): void {
  out.varint(bytes.length).raw(bytes);
}

export function tag(out: ByteWriter, number: number, wireType: number): void {
  out.varint(number * 8 + wireType);
}
