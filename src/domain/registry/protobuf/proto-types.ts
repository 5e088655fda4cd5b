import { LinewardError } from '../../../errors/lineward-error.ts';
import {
  allFields,
  mapTypes,
  type ProtoExtend,
  type ProtoField,
  type ProtoFile,
  type ProtoMessage,
  type ProtoType,
  scalarTypes,
} from './proto-file.ts';
import { protoFault } from './proto-tokens.ts';
import { wellKnownSource } from './well-known-sources.ts';
import { wellKnownFiles } from './well-known-types.ts';

/** A named type and where it stands. `definition` is null for well-known types. */
export interface KnownType {
  /** Without a leading dot. */
  readonly fullName: string;
  readonly package: string;
  /** False for a type of the file itself. */
  readonly isImported: boolean;
  readonly kind: 'message' | 'enum';
  readonly definition: ProtoType | null;
  /** Where it is defined; null for well-known types. */
  readonly file: ProtoFile | null;
}

/** Longest full name, in characters: names within names would otherwise grow far beyond the text that holds them. */
const nameCharsMax = 1_024;
/** Most types of a file and its imports. */
const typesMax = 10_000;

/** The types that a file defines or imports, by full name. */
export class ProtoTypes {
  readonly file: ProtoFile;
  readonly #types = new Map<string, KnownType>();

  /**
   * `imported` are the files behind the imports, each by its path.
   * @throws LinewardError SCHEMA_INVALID for imports and types that do not exist, and for names that exist twice;
   * LIMIT_EXCEEDED for names that are too long and for more than 10,000 types.
   */
  constructor(file: ProtoFile, imported: ReadonlyMap<string, ProtoFile>) {
    this.file = file;
    const entered = new Set<string>();
    const enter = (from: ProtoFile): void => {
      for (const { path } of from.imports) {
        if (entered.has(path)) continue;
        entered.add(path);
        const found = imported.get(path) ?? wellKnownSource(path);
        if (found !== undefined) {
          this.#define(found, found.types, found.package);
          enter(found);
        } else this.#defineWellKnown(path);
      }
    };
    enter(file);
    this.#define(file, file.types, file.package);
    this.#assertTypes();
  }

  #define(file: ProtoFile, types: readonly ProtoType[], scope: string): void {
    if (scope.length > nameCharsMax) throw overLimit(`The schema has a name of more than ${nameCharsMax} characters`);
    for (const type of types) {
      if (scope.length + type.name.length >= nameCharsMax)
        throw overLimit(`The schema has a name of more than ${nameCharsMax} characters`);
      if (this.#types.size >= typesMax) throw overLimit(`The schema and its imports have more than ${typesMax} types`);
      const fullName = scope === '' ? type.name : `${scope}.${type.name}`;
      if (this.#types.get(fullName)?.definition === null || this.#types.has(fullName)) {
        throw new LinewardError('SCHEMA_INVALID', `schema: the type "${fullName.slice(0, 120)}" is defined twice`, {
          path: ['schema', fullName.slice(0, 120)],
        });
      }
      const isImported = file !== this.file;
      this.#types.set(fullName, {
        fullName,
        package: file.package,
        isImported,
        kind: type.kind,
        definition: type,
        file,
      });
      if (type.kind === 'message') this.#define(file, type.types, fullName);
    }
  }

  #defineWellKnown(path: string): void {
    const known = Object.hasOwn(wellKnownFiles, path) ? wellKnownFiles[path] : undefined;
    if (known === undefined) {
      throw new LinewardError(
        'SCHEMA_INVALID',
        `schema: the import "${path.slice(0, 120)}" does not exist; name its subject and version in "references"`,
        { path: ['schema', 'import'] },
      );
    }
    const define = (name: string, kind: 'message' | 'enum'): void => {
      const fullName = `${known.package}.${name}`;
      this.#types.set(fullName, {
        fullName,
        package: known.package,
        isImported: true,
        kind,
        definition: null,
        file: null,
      });
    };
    for (const name of known.messages) define(name, 'message');
    for (const name of known.enums ?? []) define(name, 'enum');
  }

  get(fullName: string): KnownType | null {
    return this.#types.get(fullName) ?? null;
  }

  /** The type that a name means inside a scope, looked up from the innermost scope outwards; null when there is none. */
  resolve(name: string, scope: string): KnownType | null {
    if (name.length > nameCharsMax) return null;
    if (name.startsWith('.')) return this.get(name.slice(1));
    let from = scope;
    for (;;) {
      const found = this.get(from === '' ? name : `${from}.${name}`);
      if (found !== null || from === '') return found;
      from = from.includes('.') ? from.slice(0, from.lastIndexOf('.')) : '';
    }
  }

  #assertTypes(): void {
    const { file } = this;
    const walk = (message: ProtoMessage, scope: string): void => {
      const here = scope === '' ? message.name : `${scope}.${message.name}`;
      for (const field of allFields(message)) this.#assertField(field, here);
      for (const one of message.extends) this.#assertExtend(one, here);
      for (const type of message.types) if (type.kind === 'message') walk(type, here);
    };
    for (const type of file.types) if (type.kind === 'message') walk(type, file.package);
    for (const one of file.extends) this.#assertExtend(one, file.package);
    for (const { methods } of file.services)
      for (const { name, request, response } of methods)
        for (const type of [request, response])
          if (this.resolve(type, file.package)?.kind !== 'message')
            throw unknownType(type, `the method "${cut(name)}"`);
  }

  #assertField(field: ProtoField, scope: string): void {
    const type = mapTypes(field.type)?.value ?? field.type;
    if (!scalarTypes.has(type) && this.resolve(type, scope) === null)
      throw unknownType(type, `the field "${cut(field.name)}"`, field.at);
  }

  /** Extensions are of messages that exist, and of the numbers that such a message leaves to them. */
  #assertExtend({ name, fields }: ProtoExtend, scope: string): void {
    const extended = this.resolve(name, scope);
    if (extended?.kind !== 'message') throw unknownType(name, 'an extension', fields[0]?.at);
    for (const field of fields) {
      this.#assertField(field, scope);
      const { definition } = extended;
      if (definition?.kind !== 'message') continue;
      if (!definition.extensionRanges.some(({ from, to }) => field.number >= from && field.number <= to))
        throw protoFault(
          `the message "${cut(name)}" does not leave the number ${field.number} to extensions`,
          field.at,
        );
    }
  }
}

function unknownType(type: string, holder: string, at?: string): LinewardError {
  const message = `the type "${cut(type)}" of ${holder} does not exist`;
  if (at !== undefined) return protoFault(message, at);
  return new LinewardError('SCHEMA_INVALID', `schema: ${message}`, { path: ['schema'] });
}

function overLimit(message: string): LinewardError {
  return new LinewardError('LIMIT_EXCEEDED', `${message}.`, { path: ['schema'] });
}

function cut(name: string): string {
  return name.slice(0, 80);
}
