import { LinewardError } from '../../../errors/lineward-error.ts';
import {
  maxFieldNumber,
  type ProtoEnum,
  type ProtoEnumValue,
  type ProtoExtend,
  type ProtoField,
  type ProtoFile,
  type ProtoImport,
  type ProtoLabel,
  type ProtoMessage,
  type ProtoOneof,
  type ProtoRange,
  type ProtoType,
} from './proto-file.ts';
import { optionList, optionStatement } from './proto-option.ts';
import { protoService } from './proto-service.ts';
import { ProtoTokens } from './proto-tokens.ts';

/** Deepest nesting of messages. */
const depthMax = 64;
/** Most fields of a file. */
const fieldsMax = 10_000;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] extends readonly (infer Item)[] ? Item[] : T[Key] };

/**
 * Reads a .proto file of proto2, proto3 or an edition by the published grammar; comments are dropped.
 * @throws LinewardError SCHEMA_INVALID with line and column, LIMIT_EXCEEDED
 */
export function parseProto(source: string): ProtoFile {
  return new ProtoParser(source).file();
}

class ProtoParser {
  readonly #tokens: ProtoTokens;
  #fields = 0;

  constructor(source: string) {
    this.#tokens = new ProtoTokens(source);
  }

  file(): ProtoFile {
    const tokens = this.#tokens;
    const file: Mutable<ProtoFile> = {
      syntax: this.#syntax(),
      package: '',
      imports: [],
      options: [],
      types: [],
      extends: [],
      services: [],
    };
    while (tokens.next.kind !== 'end') {
      if (tokens.takeIf(';')) continue;
      if (tokens.takeIf('package')) {
        if (file.package !== '') throw tokens.fault('a file has one package');
        file.package = this.#statement(() => tokens.path('a package name'));
      } else if (tokens.takeIf('import')) file.imports.push(this.#import());
      else if (tokens.takeIf('option')) file.options.push(optionStatement(tokens));
      else if (tokens.takeIf('message')) file.types.push(this.#message(0));
      else if (tokens.takeIf('enum')) file.types.push(this.#enum());
      else if (tokens.takeIf('extend')) file.extends.push(this.#extend(file.types, 0));
      else if (tokens.takeIf('service')) file.services.push(protoService(tokens));
      else throw tokens.fault('expected "message", "enum", "import", "option", "extend", "service" or "package"');
    }
    return file;
  }

  #syntax(): string {
    const tokens = this.#tokens;
    const isEdition = tokens.next.text === 'edition';
    if (!isEdition && tokens.next.text !== 'syntax') return 'proto2';
    tokens.take();
    tokens.expect('=');
    const syntax = this.#statement(() => tokens.string(isEdition ? 'an edition' : '"proto2" or "proto3"'));
    const isKnown = isEdition ? /^202[34]$/.test(syntax) : syntax === 'proto2' || syntax === 'proto3';
    if (!isKnown)
      throw tokens.fault(isEdition ? 'the edition is "2023" or "2024"' : 'the syntax is "proto2" or "proto3"');
    return syntax;
  }

  #statement<T>(read: () => T): T {
    const value = read();
    this.#tokens.expect(';');
    return value;
  }

  #import(): ProtoImport {
    const modifier = this.#tokens.takeIf('public') ? 'public' : this.#tokens.takeIf('weak') ? 'weak' : null;
    return this.#statement(() => ({ path: this.#tokens.string('a path'), modifier }));
  }

  #message(depth: number): ProtoMessage {
    const name = this.#tokens.name('the name of a message');
    return this.#messageBody(name, depth);
  }

  #messageBody(name: string, depth: number): ProtoMessage {
    const tokens = this.#tokens;
    if (depth > depthMax) throw tokens.fault(`messages are nested deeper than ${depthMax} levels`);
    const message: Mutable<ProtoMessage> = {
      ...{ kind: 'message', name, fields: [], oneofs: [], types: [], extends: [] },
      ...{ reservedRanges: [], reservedNames: [], extensionRanges: [], options: [] },
    };
    tokens.expect('{');
    while (!tokens.takeIf('}')) this.#member(message, depth);
    return message;
  }

  #member(message: Mutable<ProtoMessage>, depth: number): void {
    const tokens = this.#tokens;
    if (tokens.takeIf(';')) return;
    const { text } = tokens.next;
    // These words are also names of types and fields, so what follows decides.
    const word = tokens.next.kind === 'name' ? text : '';
    if (word === 'option') message.options.push(this.#taken(() => optionStatement(tokens)));
    else if (word === 'oneof') message.oneofs.push(this.#taken(() => this.#oneof(message.types, depth)));
    else if (word === 'message') message.types.push(this.#taken(() => this.#message(depth + 1)));
    else if (word === 'enum') message.types.push(this.#taken(() => this.#enum()));
    else if (word === 'extend') message.extends.push(this.#taken(() => this.#extend(message.types, depth)));
    else if (word === 'reserved') this.#taken(() => this.#reserved(message));
    else if (word === 'extensions') message.extensionRanges.push(...this.#taken(() => this.#extensions()));
    else message.fields.push(this.#field(message.types, depth));
  }

  #taken<T>(read: () => T): T {
    this.#tokens.take();
    return read();
  }

  #field(types: ProtoType[], depth: number): ProtoField {
    const tokens = this.#tokens;
    this.#fields += 1;
    if (this.#fields > fieldsMax)
      throw new LinewardError('LIMIT_EXCEEDED', `The schema has more than ${fieldsMax} fields.`, { path: ['schema'] });
    const at = tokens.at();
    const label = this.#label();
    if (tokens.next.text === 'group') return this.#group({ label, at, types, depth });
    const type = this.#type();
    const name = tokens.name('the name of a field');
    tokens.expect('=');
    const number = tokens.integer('the number of a field');
    const options = optionList(tokens);
    tokens.expect(';');
    return { label, type, name, number, options, isGroup: false, at };
  }

  #label(): ProtoLabel {
    const { text } = this.#tokens.next;
    if (text !== 'optional' && text !== 'required' && text !== 'repeated') return null;
    this.#tokens.take();
    return text;
  }

  #group(head: { label: ProtoLabel; at: string; types: ProtoType[]; depth: number }): ProtoField {
    const tokens = this.#tokens;
    tokens.take();
    const type = tokens.name('the name of a group');
    tokens.expect('=');
    const number = tokens.integer('the number of a group');
    const options = optionList(tokens);
    head.types.push(this.#messageBody(type, head.depth + 1));
    return { label: head.label, type, name: type.toLowerCase(), number, options, isGroup: true, at: head.at };
  }

  #type(): string {
    const tokens = this.#tokens;
    const type = tokens.path('a type');
    if (type !== 'map' || !tokens.takeIf('<')) return type;
    const key = tokens.name('the type of the keys');
    tokens.expect(',');
    const value = tokens.path('the type of the values');
    tokens.expect('>');
    return `map<${key}, ${value}>`;
  }

  #oneof(types: ProtoType[], depth: number): ProtoOneof {
    const tokens = this.#tokens;
    const oneof: Mutable<ProtoOneof> = { name: tokens.name('the name of a oneof'), fields: [], options: [] };
    tokens.expect('{');
    while (!tokens.takeIf('}')) {
      if (tokens.takeIf(';')) continue;
      if (tokens.next.text === 'option') oneof.options.push(this.#taken(() => optionStatement(tokens)));
      else oneof.fields.push(this.#field(types, depth));
    }
    return oneof;
  }

  #enum(): ProtoEnum {
    const tokens = this.#tokens;
    const name = tokens.name('the name of an enum');
    const found: Mutable<ProtoEnum> = {
      kind: 'enum',
      name,
      values: [],
      reservedRanges: [],
      reservedNames: [],
      options: [],
    };
    tokens.expect('{');
    while (!tokens.takeIf('}')) {
      if (tokens.takeIf(';')) continue;
      if (tokens.next.text === 'option') found.options.push(this.#taken(() => optionStatement(tokens)));
      else if (tokens.next.text === 'reserved') this.#taken(() => this.#reserved(found));
      else found.values.push(this.#enumValue());
    }
    return found;
  }

  #enumValue(): ProtoEnumValue {
    const tokens = this.#tokens;
    const name = tokens.name('the name of a value');
    tokens.expect('=');
    const number = tokens.integer('the number of a value');
    const options = optionList(tokens);
    tokens.expect(';');
    return { name, number, options };
  }

  #reserved(into: { reservedRanges: ProtoRange[]; reservedNames: string[] }): void {
    const tokens = this.#tokens;
    do {
      if (tokens.next.kind === 'string') into.reservedNames.push(tokens.string('a name'));
      else if (tokens.next.kind === 'name') into.reservedNames.push(tokens.name('a name'));
      else into.reservedRanges.push(this.#range());
    } while (tokens.takeIf(','));
    tokens.expect(';');
  }

  #extensions(): ProtoRange[] {
    const tokens = this.#tokens;
    const ranges: ProtoRange[] = [];
    do ranges.push(this.#range());
    while (tokens.takeIf(','));
    optionList(tokens);
    tokens.expect(';');
    return ranges;
  }

  #range(): ProtoRange {
    const from = this.#tokens.integer('a number');
    if (!this.#tokens.takeIf('to')) return { from, to: from };
    const to = this.#tokens.takeIf('max') ? maxFieldNumber : this.#tokens.integer('a number or "max"');
    if (to < from) throw this.#tokens.fault('a range ends before it begins');
    return { from, to };
  }

  #extend(types: ProtoType[], depth: number): ProtoExtend {
    const tokens = this.#tokens;
    const name = tokens.path('the name of a message');
    const fields: ProtoField[] = [];
    tokens.expect('{');
    while (!tokens.takeIf('}')) if (!tokens.takeIf(';')) fields.push(this.#field(types, depth));
    return { name, fields };
  }
}
