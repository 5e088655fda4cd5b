import { LinewardError } from '../../../errors/lineward-error.ts';
import type { Incompatibility } from '../schema-format.ts';
import { ReaderBranches } from './avro-branches.ts';
import { ambiguousField, missingBranch, missingDefault, namedFaults, typeMismatch } from './avro-difference.ts';
import { type AvroPrimitive, type AvroRecord, type AvroType, type AvroUnion, isNamed } from './avro-type.ts';

/** Most differences that are told; more would not be read. */
const toldMax = 100;
/** Longest place that is told, in characters; what lies deeper is told with the place where this was reached. */
const pathCharsMax = 4_096;
/** Most pairs of types and fields that one comparison looks at: hostile schemas have more pairs than can be kept. */
const stepsMax = 500_000;

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
 * `SchemaCompatibility` applies them: names are compared without their namespaces, and the reader's aliases count. At most
 * 100 differences are told, each pair of types once. Where the reader has the branch and cannot read it, the suggestion says
 * what differs inside; nothing is told of a branch that only recursion leads back to.
 *
 * Known differences from Java: recursive types are decided by the greatest fixed point, where Java keeps what it assumed
 * while it was still comparing; a field that goes by several of the writer's is READER_FIELD_AMBIGUOUS, where Java throws.
 * @throws LinewardError LIMIT_EXCEEDED when there is too much to compare.
 */
export function avroIncompatibilities(reader: AvroType, writer: AvroType): readonly Incompatibility[] {
  const root = new Comparison().decided(reader, writer);
  return root.isRead ? [] : told(root);
}

/** A type of the reader beside one of the writer. */
interface Pair {
  readonly reader: AvroType;
  readonly writer: AvroType;
  /** What differs between the two themselves. */
  faults: readonly Incompatibility[];
  /** What is read when they are, with the place of it below theirs. */
  parts: readonly Part[];
  /** True when one part that is read is enough: the branches of a reader's union. */
  isChoice: boolean;
  isRead: boolean;
  /** Parts that are not read. */
  refusedParts: number;
  /** Pairs of which this one is a part, as often as it is. */
  readonly wholes: Pair[];
}

interface Part {
  readonly pair: Pair;
  readonly place: string;
}

/**
 * Decides all pairs that one pair leads to. Every pair counts as read until something differs, and then whatever depends on
 * it follows: so recursive types agree unless something differs, in whichever order they are met. Nothing here recurses.
 */
class Comparison {
  readonly #pairs = new Map<AvroType, Map<AvroType, Pair>>();
  readonly #open: Pair[] = [];
  readonly #branches = new Map<AvroType, ReaderBranches>();
  readonly #written = new Map<AvroRecord, ReadonlyMap<string, AvroType>>();
  #steps = 0;

  decided(reader: AvroType, writer: AvroType): Pair {
    const root = this.#pair(reader, writer);
    const refused: Pair[] = [];
    for (let pair = this.#open.pop(); pair !== undefined; pair = this.#open.pop()) {
      this.#enter(pair);
      for (const part of pair.parts) part.pair.wholes.push(pair);
      if (isRefused(pair)) refused.push(pair);
    }
    for (let pair = refused.pop(); pair !== undefined; pair = refused.pop()) {
      if (!pair.isRead) continue;
      pair.isRead = false;
      for (const whole of pair.wholes) {
        whole.refusedParts += 1;
        if (whole.isRead && isRefused(whole)) refused.push(whole);
      }
    }
    return root;
  }

  #pair(reader: AvroType, writer: AvroType): Pair {
    const ofReader = this.#pairs.get(reader) ?? new Map<AvroType, Pair>();
    this.#pairs.set(reader, ofReader);
    const known = ofReader.get(writer);
    if (known !== undefined) return known;
    this.#count(1);
    const undecided = { faults: [], parts: [], isChoice: false, isRead: true, refusedParts: 0, wholes: [] };
    const pair: Pair = { reader, writer, ...undecided };
    ofReader.set(writer, pair);
    this.#open.push(pair);
    return pair;
  }

  #part(reader: AvroType, writer: AvroType, place: string): Part {
    return { pair: this.#pair(reader, writer), place };
  }

  #count(steps: number): void {
    this.#steps += steps;
    if (this.#steps > stepsMax) {
      throw new LinewardError('LIMIT_EXCEEDED', `The schemas are too large to compare: over ${stepsMax} steps.`, {
        path: ['schema'],
      });
    }
  }

  #enter(pair: Pair): void {
    const { reader, writer } = pair;
    if (writer.kind === 'union') {
      const isUnion = reader.kind === 'union';
      this.#count(writer.branches.length);
      pair.parts = writer.branches.map((branch, index) => this.#part(reader, branch, isUnion ? `/${index}` : ''));
    } else if (reader.kind === 'union') this.#choice(pair, reader, writer);
    else if (reader.kind === 'primitive' && writer.kind === 'primitive') {
      if (!readsPrimitive(reader.name, writer.name)) pair.faults = [typeMismatch(reader, writer)];
    } else if (reader.kind === 'array' && writer.kind === 'array')
      pair.parts = [this.#part(reader.items, writer.items, '/items')];
    else if (reader.kind === 'map' && writer.kind === 'map')
      pair.parts = [this.#part(reader.values, writer.values, '/values')];
    else if (isNamed(reader) && isNamed(writer) && reader.kind === writer.kind) {
      pair.faults = namedFaults(reader, writer);
      if (reader.kind === 'record' && writer.kind === 'record') this.#fields(pair, reader, writer);
    } else pair.faults = [typeMismatch(reader, writer)];
  }

  #choice(pair: Pair, reader: AvroUnion, writer: AvroType): void {
    const branches = this.#branches.get(reader) ?? new ReaderBranches(reader.branches);
    this.#branches.set(reader, branches);
    pair.isChoice = true;
    if (writer.kind === 'primitive') {
      const isRead = branches.primitives.some((name) => readsPrimitive(name, writer.name));
      if (isRead) pair.isChoice = false;
      return;
    }
    const likely = branches.likeFor(writer);
    this.#count(likely.length);
    pair.parts = likely.map(({ type, index }) => this.#part(type, writer, `/${index}`));
  }

  #fields(pair: Pair, reader: AvroRecord, writer: AvroRecord): void {
    const written = this.#written.get(writer) ?? new Map(writer.fields.map((field) => [field.name, field.type]));
    this.#written.set(writer, written);
    const parts: Part[] = [];
    const faults = [...pair.faults];
    reader.fields.forEach((field, index) => {
      this.#count(1 + field.aliases.length);
      const names = [...new Set([field.name, ...field.aliases])].filter((name) => written.has(name));
      const from = written.get(names[0] ?? '');
      if (names.length > 1) faults.push(ambiguousField(field, index, names));
      else if (from !== undefined) parts.push(this.#part(field.type, from, `/fields/${index}/type`));
      else if (!field.hasDefault) faults.push(missingDefault(field, index));
    });
    pair.parts = parts;
    pair.faults = faults;
  }
}

function readsPrimitive(reader: AvroPrimitive, writer: AvroPrimitive): boolean {
  return reader === writer || (promotions[reader] ?? []).includes(writer);
}

function isRefused({ faults, parts, isChoice, refusedParts }: Pair): boolean {
  return isChoice ? refusedParts === parts.length : faults.length > 0 || refusedParts > 0;
}

interface Visit {
  readonly pair: Pair;
  readonly path: string;
  /** True when everything inside the pair was told. */
  readonly isDone: boolean;
}

/**
 * The differences behind a pair that is not read. There is always one: of the refused pairs that are visited, the one that
 * was refused first has a fault of its own or branches that are not among those it lies in.
 */
function told(root: Pair): readonly Incompatibility[] {
  const found: Incompatibility[] = [];
  const seen = new Set<Pair>();
  const around = new Set<Pair>();
  const open: Visit[] = [{ pair: root, path: '', isDone: false }];
  for (let next = open.pop(); next !== undefined && found.length < toldMax; next = open.pop()) {
    const { pair, path, isDone } = next;
    if (isDone) around.delete(pair);
    if (seen.has(pair)) continue;
    seen.add(pair);
    if (pair.isChoice) {
      if (!pair.parts.some((part) => around.has(part.pair))) found.push(branchFault(pair, path));
      continue;
    }
    for (const fault of pair.faults) found.push({ ...fault, path: `${path}${fault.path}` });
    around.add(pair);
    open.push({ pair, path, isDone: true });
    for (const part of pair.parts.toReversed())
      if (!part.pair.isRead) open.push({ pair: part.pair, path: placeOf(path, part), isDone: false });
  }
  return found.slice(0, toldMax);
}

function placeOf(path: string, { place }: Part): string {
  return path.length > pathCharsMax ? path : `${path}${place}`;
}

function branchFault({ parts, writer }: Pair, path: string): Incompatibility {
  const [likely] = parts;
  return { ...missingBranch(writer, likely === undefined ? null : (likely.pair.faults[0] ?? 'inside')), path };
}
