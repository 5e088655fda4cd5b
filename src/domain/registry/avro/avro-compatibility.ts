import type { Incompatibility } from '../schema-format.ts';
import {
  type AvroEnum,
  type AvroField,
  type AvroNamed,
  type AvroPrimitive,
  type AvroRecord,
  type AvroType,
  branchName,
  isNamed,
  shortName,
} from './avro-type.ts';

/** Most differences that are told; more would not be read. */
const toldMax = 100;

/** What a reader of a primitive also reads: the promotions of the Avro specification, "Schema Resolution". */
const promotions: Readonly<Partial<Record<AvroPrimitive, readonly AvroPrimitive[]>>> = {
  long: ['int'],
  float: ['int', 'long'],
  double: ['int', 'long', 'float'],
  bytes: ['string'],
  string: ['bytes'],
};

/**
 * What stops a reader from reading data of a writer, by the rules of the Avro specification as Java's
 * `SchemaCompatibility` applies them: names are compared without their namespaces, and the reader's aliases count.
 */
export function avroIncompatibilities(reader: AvroType, writer: AvroType): readonly Incompatibility[] {
  return new Comparison().compare(reader, writer).slice(0, toldMax);
}

class Comparison {
  /** Results by pair. A pair that is being compared counts as compatible: recursive types agree unless something differs. */
  readonly #known = new Map<AvroType, Map<AvroType, readonly Incompatibility[]>>();

  compare(reader: AvroType, writer: AvroType): readonly Incompatibility[] {
    const ofReader = this.#known.get(reader) ?? new Map<AvroType, readonly Incompatibility[]>();
    const known = ofReader.get(writer);
    if (known !== undefined) return known;
    this.#known.set(reader, ofReader);
    ofReader.set(writer, []);
    const found = this.#differences(reader, writer).slice(0, toldMax);
    ofReader.set(writer, found);
    return found;
  }

  #differences(reader: AvroType, writer: AvroType): readonly Incompatibility[] {
    if (reader.kind === 'union' || writer.kind === 'union') return this.#unions(reader, writer);
    if (reader.kind === 'primitive' && writer.kind === 'primitive') {
      const isRead = reader.name === writer.name || (promotions[reader.name] ?? []).includes(writer.name);
      return isRead ? [] : [typeMismatch(reader, writer)];
    }
    if (reader.kind === 'array' && writer.kind === 'array')
      return at('/items', this.compare(reader.items, writer.items));
    if (reader.kind === 'map' && writer.kind === 'map')
      return at('/values', this.compare(reader.values, writer.values));
    if (isNamed(reader) && isNamed(writer) && reader.kind === writer.kind) return this.#named(reader, writer);
    return [typeMismatch(reader, writer)];
  }

  #unions(reader: AvroType, writer: AvroType): readonly Incompatibility[] {
    if (writer.kind === 'union') {
      return writer.branches.flatMap((branch, index) => {
        const found = this.compare(reader, branch);
        return found.length > 0 && reader.kind === 'union' ? [missingBranch(branch, `/${index}`)] : found;
      });
    }
    if (reader.kind !== 'union') return [];
    const isRead = reader.branches.some((branch) => this.compare(branch, writer).length === 0);
    return isRead ? [] : [missingBranch(writer, '')];
  }

  #named(reader: AvroNamed, writer: AvroNamed): readonly Incompatibility[] {
    const names = sameName(reader, writer) ? [] : [nameMismatch(reader, writer)];
    if (reader.kind === 'fixed' && writer.kind === 'fixed')
      return reader.size === writer.size ? names : [...names, sizeMismatch(reader.size, writer.size)];
    if (reader.kind === 'enum' && writer.kind === 'enum') return [...names, ...missingSymbols(reader, writer)];
    if (reader.kind === 'record' && writer.kind === 'record') return [...names, ...this.#fields(reader, writer)];
    return names;
  }

  #fields(reader: AvroRecord, writer: AvroRecord): readonly Incompatibility[] {
    const written = new Map(writer.fields.map((field) => [field.name, field]));
    return reader.fields.flatMap((field, index) => {
      const from = [field.name, ...field.aliases].map((name) => written.get(name)).find((found) => found !== undefined);
      if (from !== undefined) return at(`/fields/${index}/type`, this.compare(field.type, from.type));
      return field.hasDefault ? [] : [missingDefault(field, index)];
    });
  }
}

function at(prefix: string, found: readonly Incompatibility[]): readonly Incompatibility[] {
  return found.map((one) => ({ ...one, path: `${prefix}${one.path}` }));
}

function sameName(reader: AvroNamed, writer: AvroNamed): boolean {
  return shortName(reader.name) === shortName(writer.name) || reader.aliases.includes(writer.name);
}

function typeMismatch(reader: AvroType, writer: AvroType): Incompatibility {
  const [to, from] = [branchName(reader), branchName(writer)];
  return {
    errorType: 'TYPE_MISMATCH',
    description: `The type ${to} of the reader cannot read the type ${from} of the writer`,
    path: '',
    additionalInfo: `reader type: ${to} not compatible with writer type: ${from}`,
    suggestion: `Keep ${from}, or add a field of the new type with a default and leave this one as it is.`,
  };
}

function missingBranch(branch: AvroType, path: string): Incompatibility {
  const name = branchName(branch);
  return {
    errorType: 'MISSING_UNION_BRANCH',
    description: `The union of the reader has no branch that reads the type ${name} of the writer`,
    path,
    additionalInfo: `reader union lacking writer type: ${name}`,
    suggestion: `Keep ${name} among the branches of the union.`,
  };
}

function nameMismatch(reader: AvroNamed, writer: AvroNamed): Incompatibility {
  return {
    errorType: 'NAME_MISMATCH',
    description: `The ${reader.kind} is called ${reader.name} by the reader and ${writer.name} by the writer`,
    path: '/name',
    additionalInfo: `expected: ${writer.name}`,
    suggestion: `Keep the name, or add "${writer.name}" to the aliases of ${reader.name}.`,
  };
}

function sizeMismatch(reader: number, writer: number): Incompatibility {
  return {
    errorType: 'FIXED_SIZE_MISMATCH',
    description: `The fixed type has ${reader} bytes for the reader and ${writer} for the writer`,
    path: '/size',
    additionalInfo: `expected: ${writer}, found: ${reader}`,
    suggestion: 'Keep the size, or add a field of a new fixed type with a default.',
  };
}

function missingSymbols(reader: AvroEnum, writer: AvroEnum): readonly Incompatibility[] {
  const missing = writer.symbols.filter((symbol) => !reader.symbols.includes(symbol));
  if (missing.length === 0 || reader.default !== null) return [];
  return [
    {
      errorType: 'MISSING_ENUM_SYMBOLS',
      description: `The enum of the reader lacks symbols of the writer: ${missing.slice(0, 20).join(', ')}`,
      path: '/symbols',
      additionalInfo: `[${missing.slice(0, 20).join(', ')}]`,
      suggestion: 'Keep the symbols, or give the enum a default that stands for unknown ones.',
    },
  ];
}

function missingDefault(field: AvroField, index: number): Incompatibility {
  return {
    errorType: 'READER_FIELD_MISSING_DEFAULT_VALUE',
    description: `The field "${field.name}" of the reader has no default and the writer has no such field`,
    path: `/fields/${index}`,
    additionalInfo: field.name,
    suggestion: `Give "${field.name}" a default, e.g. the type ["null", …] with the default null, or an alias for the name it had.`,
  };
}
