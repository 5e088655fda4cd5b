import type { JsonObject } from '../json-text.ts';

export const avroPrimitives = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const;
export type AvroPrimitive = (typeof avroPrimitives)[number];

/** Attributes that Avro does not define, in the order given; logical types are among them. */
interface WithProperties {
  readonly properties: JsonObject;
}

interface Named extends WithProperties {
  /** Full name: `namespace.name`, or the name alone. */
  readonly name: string;
  /** Full names of aliases. */
  readonly aliases: readonly string[];
  readonly doc: string | null;
}

export interface AvroField extends WithProperties {
  readonly name: string;
  readonly type: AvroType;
  readonly doc: string | null;
  /** Undefined when the field has none; null is a value. */
  readonly default: unknown;
  readonly hasDefault: boolean;
  readonly order: string | null;
  readonly aliases: readonly string[];
}

export interface AvroRecord extends Named {
  readonly kind: 'record';
  readonly isError: boolean;
  readonly fields: readonly AvroField[];
}

export interface AvroEnum extends Named {
  readonly kind: 'enum';
  readonly symbols: readonly string[];
  readonly default: string | null;
}

export interface AvroFixed extends Named {
  readonly kind: 'fixed';
  /** Bytes. */
  readonly size: number;
}

export type AvroNamed = AvroRecord | AvroEnum | AvroFixed;

export interface AvroUnion {
  readonly kind: 'union';
  readonly branches: readonly AvroType[];
}

/** A type of Avro 1.12. Named types are shared where they are referred to, so a recursive schema is a graph with cycles. */
export type AvroType =
  | AvroNamed
  | ({ readonly kind: 'primitive'; readonly name: AvroPrimitive } & WithProperties)
  | ({ readonly kind: 'array'; readonly items: AvroType } & WithProperties)
  | ({ readonly kind: 'map'; readonly values: AvroType } & WithProperties)
  | AvroUnion;

export function isNamed(type: AvroType): type is AvroNamed {
  return type.kind === 'record' || type.kind === 'enum' || type.kind === 'fixed';
}

export function isPrimitive(name: string): name is AvroPrimitive {
  return (avroPrimitives as readonly string[]).includes(name);
}

/** Namespace of a full name; empty when it has none. */
export function namespaceOf(fullName: string): string {
  return fullName.includes('.') ? fullName.slice(0, fullName.lastIndexOf('.')) : '';
}

/** Name without its namespace. */
export function shortName(fullName: string): string {
  return fullName.slice(fullName.lastIndexOf('.') + 1);
}

function isNull(type: AvroType): boolean {
  return type.kind === 'primitive' && type.name === 'null';
}

export function isNullable(type: AvroType): boolean {
  return type.kind === 'union' ? type.branches.some(isNull) : isNull(type);
}

/** The type without its null branch; a union of several real branches stays one. */
export function withoutNull(type: AvroType): AvroType {
  if (type.kind !== 'union') return type;
  const rest = type.branches.filter((branch) => !isNull(branch));
  return rest.length === 1 && rest[0] !== undefined ? rest[0] : { kind: 'union', branches: rest };
}

/** Name of a type without its null branch, as the catalog shows it. */
export function typeName(type: AvroType): string {
  const real = withoutNull(type);
  return real.kind === 'primitive' ? real.name : real.kind;
}

/** What a branch of a union is called: a full name, or the name of the type. */
export function branchName(type: AvroType): string {
  return type.kind === 'primitive' || isNamed(type) ? type.name : type.kind;
}
