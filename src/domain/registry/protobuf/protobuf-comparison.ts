import type { Incompatibility } from '../schema-format.ts';
import {
  allFields,
  mapTypes,
  type ProtoField,
  type ProtoLabel,
  type ProtoMessage,
  type ProtoType,
  scalarTypes,
} from './proto-file.ts';
import type { KnownType, ProtoTypes } from './proto-types.ts';

/** Scalars that read each other's bytes, by the Protobuf guide "Updating a message type". */
const groups: Readonly<Record<string, string>> = {
  ...{ int32: 'number', int64: 'number', uint32: 'number', uint64: 'number', bool: 'number', enum: 'number' },
  ...{ sint32: 'signed', sint64: 'signed', string: 'text', bytes: 'text' },
  ...{ fixed32: 'fixed32', sfixed32: 'fixed32', fixed64: 'fixed64', sfixed64: 'fixed64' },
  ...{ float: 'float', double: 'double' },
};

const suggestions: Readonly<Record<string, string>> = {
  PACKAGE_CHANGED: 'Keep the package; clients find messages by their full names.',
  MESSAGE_REMOVED: 'Keep the message, deprecated if nobody is to use it.',
  FIELD_KIND_CHANGED: 'Add a field of the new type under a new number and reserve the old one.',
  FIELD_SCALAR_KIND_CHANGED: 'Add a field of the new type under a new number and reserve the old one.',
  FIELD_NAMED_TYPE_CHANGED: 'Keep the type, or add a field of the new type under a new number.',
  FIELD_NUMERIC_LABEL_CHANGED:
    'Keep the label; numbers are packed when they are repeated, so a list needs a number of its own.',
  REQUIRED_FIELD_ADDED: 'Make the field optional; earlier messages lack it.',
  REQUIRED_FIELD_REMOVED: 'Make it optional first; earlier readers demand it.',
  ONEOF_FIELD_REMOVED: 'Keep the field in the oneof, deprecated if nobody is to use it.',
  MULTIPLE_FIELDS_MOVED_TO_ONEOF:
    'Move at most one existing field into a new oneof; messages may hold several of them.',
  FIELD_MOVED_TO_EXISTING_ONEOF: 'Leave the field outside; messages may hold it beside another of the oneof.',
};

type Kind = 'scalar' | 'map' | 'message';

/**
 * What stops a reader with `update` from reading messages of `original`, by the rules of Confluent's registry: fields are
 * known by their numbers, messages by their names within the package.
 */
export function protobufIncompatibilities(original: ProtoTypes, update: ProtoTypes): readonly Incompatibility[] {
  return new ProtobufComparison(original, update).compare();
}

class ProtobufComparison {
  readonly #original: ProtoTypes;
  readonly #update: ProtoTypes;
  readonly #found: Incompatibility[] = [];
  /** Pairs of messages that were compared or are being compared; a pair is told once. */
  readonly #seen = new Set<string>();
  /** Pairs that do not fit. */
  readonly #broken = new Set<string>();
  /** Pairs that fields lead to. They wait in a line, because messages may lead to each other further than a call can. */
  readonly #waiting: { readonly before: ProtoMessage; readonly after: ProtoMessage; readonly scope: Scope }[] = [];
  /** By pair, the fields that are of its types. */
  readonly #uses = new Map<string, { readonly pair: string; readonly place: Place; readonly imported: boolean }[]>();

  constructor(original: ProtoTypes, update: ProtoTypes) {
    this.#original = original;
    this.#update = update;
  }

  compare(): readonly Incompatibility[] {
    const [before, after] = [this.#original.file, this.#update.file];
    if (before.package !== after.package)
      this.#tell('PACKAGE_CHANGED', '#/', `The package is "${after.package}" and was "${before.package}"`);
    this.#types(before.types, after.types, { before: before.package, after: after.package, path: '#' });
    for (const pair of this.#waiting) this.#messages(pair.before, pair.after, pair.scope);
    this.#tellUses();
    return this.#found;
  }

  /** Tells of fields whose imported type does not fit, or leads to one that does not. */
  #tellUses(): void {
    for (const pair of this.#broken) {
      for (const use of this.#uses.get(pair) ?? []) {
        this.#broken.add(use.pair);
        if (!use.imported) continue;
        const { path, name } = use.place;
        this.#tell('FIELD_NAMED_TYPE_CHANGED', path, `The imported type of the field "${name}" is not compatible`);
      }
    }
  }

  #tell(errorType: string, path: string, description: string): void {
    const additionalInfo = path.slice(path.lastIndexOf('/') + 1);
    this.#found.push({ errorType, path, description, additionalInfo, suggestion: suggestions[errorType] ?? '' });
  }

  #types(before: readonly ProtoType[], after: readonly ProtoType[], scope: Scope): void {
    const later = new Map(after.map((type) => [type.name, type]));
    for (const type of before) {
      if (type.kind === 'enum') continue;
      const path = `${scope.path}/${type.name}`;
      const match = later.get(type.name);
      if (match?.kind === 'message')
        this.#messages(type, match, {
          before: inside(scope.before, type.name),
          after: inside(scope.after, type.name),
          path,
        });
      else this.#tell('MESSAGE_REMOVED', path, `The message "${type.name}" was removed`);
    }
  }

  #messages(before: ProtoMessage, after: ProtoMessage, scope: Scope): void {
    const pair = pairOf(scope);
    if (this.#seen.has(pair)) return;
    this.#seen.add(pair);
    const told = this.#found.length;
    this.#oneofs(before, after, scope);
    this.#fields(before, after, scope);
    this.#types(before.types, after.types, scope);
    if (this.#found.length > told) this.#broken.add(pair);
  }

  #oneofs(before: ProtoMessage, after: ProtoMessage, { path }: Scope): void {
    const plain = new Set(before.fields.map((field) => field.number));
    const inOneof = new Set(before.oneofs.flatMap((oneof) => oneof.fields.map((field) => field.number)));
    for (const oneof of after.oneofs) {
      const at = `${path}/${oneof.name}`;
      const moved = oneof.fields.filter((field) => plain.has(field.number)).length;
      const hasOthers = oneof.fields.some((field) => inOneof.has(field.number));
      if (moved > 1)
        this.#tell('MULTIPLE_FIELDS_MOVED_TO_ONEOF', at, `Several fields moved into the oneof "${oneof.name}"`);
      else if (moved === 1 && hasOthers)
        this.#tell('FIELD_MOVED_TO_EXISTING_ONEOF', at, `A field moved into the oneof "${oneof.name}", which existed`);
    }
    const remaining = new Set(allFields(after).map((field) => field.number));
    for (const oneof of before.oneofs) {
      const same = after.oneofs.some((other) => other.name === oneof.name);
      for (const field of oneof.fields) {
        if (same && !remaining.has(field.number))
          this.#tell(
            'ONEOF_FIELD_REMOVED',
            `${path}/${oneof.name}/${field.number}`,
            `The field "${field.name}" was removed from its oneof`,
          );
      }
    }
  }

  #fields(before: ProtoMessage, after: ProtoMessage, scope: Scope): void {
    const earlier = new Map(allFields(before).map((field) => [field.number, field]));
    const later = new Map(allFields(after).map((field) => [field.number, field]));
    for (const [number, field] of earlier) {
      const match = later.get(number);
      const path = `${scope.path}/${number}`;
      if (match !== undefined) this.#field(field, match, { ...scope, path });
      else if (field.label === 'required')
        this.#tell('REQUIRED_FIELD_REMOVED', path, `The required field "${field.name}" was removed`);
    }
    const plain = new Set(before.fields.map((field) => field.number));
    for (const [number, field] of later) {
      if (field.label === 'required' && !plain.has(number))
        this.#tell('REQUIRED_FIELD_ADDED', `${scope.path}/${number}`, `The required field "${field.name}" was added`);
    }
  }

  #field(before: ProtoField, after: ProtoField, scope: Scope): void {
    const told = this.#found.length;
    this.#typesOf(before.type, after.type, { ...scope, name: after.name });
    if (this.#found.length > told || isSameLabel(before.label, after.label)) return;
    // A repeated string or message is a series of single ones, and the last counts; numbers are packed together.
    const isNumeric = this.#isScalar(after.type, scope.after) && groupOf(after.type) !== 'text';
    if (isNumeric && mapTypes(before.type) === null)
      this.#tell(
        'FIELD_NUMERIC_LABEL_CHANGED',
        scope.path,
        `The numeric field "${after.name}" is ${after.label ?? 'single'} and was ${before.label ?? 'single'}`,
      );
  }

  #isScalar(type: string, scope: string): boolean {
    return this.#kind(this.#update, type, scope) === 'scalar';
  }

  #typesOf(before: string, after: string, place: Place): void {
    const [earlier, later] = [mapTypes(before), mapTypes(after)];
    const [kind, newKind] = [
      this.#kind(this.#original, before, place.before),
      this.#kind(this.#update, after, place.after),
    ];
    if (kind !== newKind) {
      this.#tell('FIELD_KIND_CHANGED', place.path, `The field "${place.name}" is a ${newKind} and was a ${kind}`);
      return;
    }
    if (earlier !== null && later !== null) {
      this.#typesOf(earlier.key, later.key, place);
      this.#typesOf(earlier.value, later.value, place);
    } else if (kind === 'message') this.#named(before, after, place);
    else if (groupOf(before) !== groupOf(after))
      this.#tell(
        'FIELD_SCALAR_KIND_CHANGED',
        place.path,
        `The field "${place.name}" is ${after} and was ${before}, whose bytes differ`,
      );
  }

  #kind(types: ProtoTypes, type: string, scope: string): Kind {
    if (mapTypes(type) !== null) return 'map';
    return scalarTypes.has(type) || types.resolve(type, scope)?.kind === 'enum' ? 'scalar' : 'message';
  }

  #named(before: string, after: string, place: Place): void {
    const [earlier, later] = [this.#original.resolve(before, place.before), this.#update.resolve(after, place.after)];
    if (earlier === null || later === null || localName(earlier) !== localName(later)) {
      this.#tell('FIELD_NAMED_TYPE_CHANGED', place.path, `The field "${place.name}" is a ${after} and was a ${before}`);
      return;
    }
    const [one, other] = [earlier.definition, later.definition];
    if (one?.kind !== 'message' || other?.kind !== 'message') return;
    const path = `#/${localName(later).replaceAll('.', '/')}`;
    const scope = { before: earlier.fullName, after: later.fullName, path };
    if (!this.#seen.has(pairOf(scope))) this.#waiting.push({ before: one, after: other, scope });
    const uses = this.#uses.get(pairOf(scope)) ?? [];
    this.#uses.set(pairOf(scope), uses);
    uses.push({ pair: pairOf(place), place, imported: later.isImported });
  }
}

/** Full names of the scopes that are compared, and the place to tell. */
interface Scope {
  readonly before: string;
  readonly after: string;
  readonly path: string;
}

interface Place extends Scope {
  readonly name: string;
}

function pairOf({ before, after }: Pick<Scope, 'before' | 'after'>): string {
  return `${before} ${after}`;
}

function inside(scope: string, name: string): string {
  return scope === '' ? name : `${scope}.${name}`;
}

/** A field without a label is single, and as good as an optional or required one. */
function isSameLabel(before: ProtoLabel, after: ProtoLabel): boolean {
  if (before !== null && after !== null) return before === after;
  return (before === 'repeated') === (after === 'repeated');
}

function localName(type: KnownType): string {
  return type.package === '' ? type.fullName : type.fullName.slice(type.package.length + 1);
}

function groupOf(type: string): string {
  return groups[scalarTypes.has(type) ? type : 'enum'] ?? type;
}
