import { type AvroNamed, type AvroPrimitive, type AvroType, isNamed, shortName } from './avro-type.ts';

/** A branch of a reader's union. */
interface Branch {
  readonly type: AvroType;
  readonly index: number;
}

/**
 * The branches of a reader's union by what they may read, so that a union of thousands is not searched for each branch of
 * the writer's.
 */
export class ReaderBranches {
  readonly primitives: readonly AvroPrimitive[];
  readonly #byKey = new Map<string, Branch[]>();

  constructor(branches: readonly AvroType[]) {
    this.primitives = branches.flatMap((type) => (type.kind === 'primitive' ? [type.name] : []));
    branches.forEach((type, index) => {
      const branch = { type, index };
      for (const key of isNamed(type) ? namesReadBy(type) : [type.kind]) {
        const like = this.#byKey.get(key) ?? [];
        like.push(branch);
        this.#byKey.set(key, like);
      }
    });
  }

  /** Branches of the kind of a type that is not a primitive and, when it has a name, by that name: no others read it. */
  likeFor(writer: AvroType): readonly Branch[] {
    if (!isNamed(writer)) return this.#byKey.get(writer.kind) ?? [];
    const found = [shortKey(writer), aliasKey(writer.kind, writer.name)].flatMap((key) => this.#byKey.get(key) ?? []);
    return [...new Set(found)];
  }
}

function namesReadBy(type: AvroNamed): readonly string[] {
  return [shortKey(type), ...new Set(type.aliases.map((alias) => aliasKey(type.kind, alias)))];
}

function shortKey({ kind, name }: AvroNamed): string {
  return `${kind} ${shortName(name)}`;
}

function aliasKey(kind: string, fullName: string): string {
  return `${kind} as ${fullName}`;
}
