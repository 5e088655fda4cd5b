import { LinewardError } from '../../../errors/lineward-error.ts';
import { allFields, mapTypes, type ProtoFile, type ProtoMessage, type ProtoType, scalarTypes } from './proto-file.ts';
import { protoFault } from './proto-tokens.ts';
import { wellKnownFiles } from './well-known-types.ts';

/** A named type and where it stands. `definition` is null for well-known types. */
export interface KnownType {
  /** Without a leading dot. */
  readonly fullName: string;
  readonly package: string;
  readonly kind: 'message' | 'enum';
  readonly definition: ProtoType | null;
}

/** The types that a file defines or imports, by full name. */
export class ProtoTypes {
  readonly file: ProtoFile;
  readonly #types = new Map<string, KnownType>();

  /**
   * `imported` are the files behind the imports, each by its path.
   * @throws LinewardError SCHEMA_INVALID for imports and types that do not exist, and for names that exist twice.
   */
  constructor(file: ProtoFile, imported: ReadonlyMap<string, ProtoFile>) {
    this.file = file;
    const entered = new Set<string>();
    const enter = (from: ProtoFile): void => {
      for (const { path } of from.imports) {
        if (entered.has(path)) continue;
        entered.add(path);
        const found = imported.get(path);
        if (found !== undefined) {
          this.#define(found.types, found.package, found.package);
          enter(found);
        } else this.#defineWellKnown(path);
      }
    };
    enter(file);
    this.#define(file.types, file.package, file.package);
    this.#assertTypes();
  }

  #define(types: readonly ProtoType[], scope: string, inPackage: string): void {
    for (const type of types) {
      const fullName = scope === '' ? type.name : `${scope}.${type.name}`;
      if (this.#types.get(fullName)?.definition === null || this.#types.has(fullName)) {
        throw new LinewardError('SCHEMA_INVALID', `schema: the type "${fullName.slice(0, 120)}" is defined twice`, {
          path: ['schema', fullName.slice(0, 120)],
        });
      }
      this.#types.set(fullName, { fullName, package: inPackage, kind: type.kind, definition: type });
      if (type.kind === 'message') this.#define(type.types, fullName, inPackage);
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
      this.#types.set(fullName, { fullName, package: known.package, kind, definition: null });
    };
    for (const name of known.messages) define(name, 'message');
    for (const name of known.enums ?? []) define(name, 'enum');
    if (path === 'confluent/meta.proto') this.#defineWellKnown('google/protobuf/descriptor.proto');
  }

  get(fullName: string): KnownType | null {
    return this.#types.get(fullName) ?? null;
  }

  /** The type that a name means inside a scope, looked up from the innermost scope outwards; null when there is none. */
  resolve(name: string, scope: string): KnownType | null {
    if (name.startsWith('.')) return this.get(name.slice(1));
    let from = scope;
    for (;;) {
      const found = this.get(from === '' ? name : `${from}.${name}`);
      if (found !== null || from === '') return found;
      from = from.includes('.') ? from.slice(0, from.lastIndexOf('.')) : '';
    }
  }

  #assertTypes(): void {
    const walk = (message: ProtoMessage, scope: string): void => {
      const here = scope === '' ? message.name : `${scope}.${message.name}`;
      for (const field of allFields(message)) {
        const type = mapTypes(field.type)?.value ?? field.type;
        if (!scalarTypes.has(type) && this.resolve(type, here) === null)
          throw protoFault(
            `the type "${type.slice(0, 80)}" of the field "${field.name.slice(0, 80)}" does not exist`,
            field.at,
          );
      }
      for (const type of message.types) if (type.kind === 'message') walk(type, here);
    };
    for (const type of this.file.types) if (type.kind === 'message') walk(type, this.file.package);
  }
}
