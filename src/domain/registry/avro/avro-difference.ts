import type { Incompatibility } from '../schema-format.ts';
import { type AvroEnum, type AvroField, type AvroNamed, type AvroType, branchName, shortName } from './avro-type.ts';

/** Most names of one kind that a description lists. */
const namesMax = 20;

/** True when the reader's type goes by the writer's name: by the name alone, or by an alias with its namespace. */
function readsName(reader: AvroNamed, writer: AvroNamed): boolean {
  return shortName(reader.name) === shortName(writer.name) || reader.aliases.includes(writer.name);
}

/** What differs between two named types of one kind themselves, their fields aside. */
export function namedFaults(reader: AvroNamed, writer: AvroNamed): readonly Incompatibility[] {
  const names = readsName(reader, writer) ? [] : [nameMismatch(reader, writer)];
  if (reader.kind === 'fixed' && writer.kind === 'fixed' && reader.size !== writer.size)
    return [...names, sizeMismatch(reader.size, writer.size)];
  if (reader.kind === 'enum' && writer.kind === 'enum') return [...names, ...missingSymbols(reader, writer)];
  return names;
}

export function typeMismatch(reader: AvroType, writer: AvroType): Incompatibility {
  const [to, from] = [branchName(reader), branchName(writer)];
  return {
    errorType: 'TYPE_MISMATCH',
    description: `The type ${to} of the reader cannot read the type ${from} of the writer`,
    path: '',
    additionalInfo: `reader type: ${to} not compatible with writer type: ${from}`,
    suggestion: `Keep ${from}, or add a field of the new type with a default and leave this one as it is.`,
  };
}

/** `cause` is what stops the branch that the reader has from being read, `inside` when that lies deeper; null without one. */
export function missingBranch(writer: AvroType, cause: Incompatibility | 'inside' | null): Incompatibility {
  const name = branchName(writer);
  return {
    errorType: 'MISSING_UNION_BRANCH',
    description: `The union of the reader has no branch that reads the type ${name} of the writer`,
    path: '',
    additionalInfo: `reader union lacking writer type: ${name}`,
    suggestion: howToKeep(name, cause),
  };
}

function howToKeep(name: string, cause: Incompatibility | 'inside' | null): string {
  if (cause === null) return `Keep ${name} among the branches of the union.`;
  if (cause === 'inside') return `The union has a branch ${name}; mend what differs inside of it.`;
  return `The union has a branch ${name}, which differs: ${cause.description}. ${cause.suggestion}`;
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
  if (reader.default !== null) return [];
  const known = new Set(reader.symbols);
  const missing = writer.symbols.filter((symbol) => !known.has(symbol));
  if (missing.length === 0) return [];
  const told = missing.slice(0, namesMax).join(', ');
  return [
    {
      errorType: 'MISSING_ENUM_SYMBOLS',
      description: `The enum of the reader lacks symbols of the writer: ${told}`,
      path: '/symbols',
      additionalInfo: `[${told}]`,
      suggestion: 'Keep the symbols, or give the enum a default that stands for unknown ones.',
    },
  ];
}

export function missingDefault(field: AvroField, index: number): Incompatibility {
  return {
    errorType: 'READER_FIELD_MISSING_DEFAULT_VALUE',
    description: `The field "${field.name}" of the reader has no default and the writer has no such field`,
    path: `/fields/${index}`,
    additionalInfo: field.name,
    suggestion: `Give "${field.name}" a default, e.g. the type ["null", …] with the default null, or an alias for the name it had.`,
  };
}

/** A field that goes by several names of the writer. Java's comparison ends with an exception here, and so does its reading. */
export function ambiguousField(field: AvroField, index: number, names: readonly string[]): Incompatibility {
  return {
    errorType: 'READER_FIELD_AMBIGUOUS',
    description: `The field "${field.name}" of the reader goes by several fields of the writer: ${names.slice(0, namesMax).join(', ')}`,
    path: `/fields/${index}`,
    additionalInfo: field.name,
    suggestion: `Leave one of these among the name and the aliases of "${field.name}".`,
  };
}
