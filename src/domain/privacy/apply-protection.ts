import { LinewardError } from '../../errors/lineward-error.ts';
import { type FieldPathStep, parseFieldPath } from './field-path.ts';
import { type FieldProtection, type PlanNode, type ProtectionPlan, recordDepthMax } from './protection-plan.ts';
import { DistinctKeys, depthMax, isPlainObject, ProtectedValue, redactValue } from './redact-value.ts';

/** The envelope of one value, a text of base64; the keys of the record's account and person are bound in by the caller. */
export type Seal = (value: unknown, protection: FieldProtection) => string;

export interface ApplyOptions {
  /** What was dealt with comes out as {@link ProtectedValue}. */
  readonly marks?: boolean;
}

export interface ProtectionCounts {
  /** Fields dropped because the entity's schema does not know them, or not in that shape. */
  readonly unknownRemoved: number;
  /** Fields dropped because reading or redacting them failed, or that lie too deep. */
  readonly faultsRemoved: number;
}

export interface AppliedProtection extends ProtectionCounts {
  /** A new record; parts that pass are shared with the input, so treat it as read-only. */
  readonly record: Readonly<Record<string, unknown>>;
}

/**
 * Applies a plan to one record without changing it; keys keep their order. A {@link ProtectedValue} stays as it is. Fails closed: fields that the schema does
 * not know, values in another shape than it says, fields that cannot be read, and what lies deeper than 256 levels are left out
 * and counted.
 * Keys of a map are data: they are redacted or sealed like its values, and a map under REMOVE becomes empty.
 * @throws LinewardError VALUE_INVALID when the record is no plain object, or a value cannot be sealed; `path` names the
 * field, and no error holds a value.
 */
export function applyProtection(
  plan: ProtectionPlan,
  record: unknown,
  seal: Seal,
  options: ApplyOptions = {},
): AppliedProtection {
  if (!isPlainObject(record)) throw new LinewardError('VALUE_INVALID', 'A record must be a plain object.');
  const application = new PlanApplication(seal, options);
  return { record: application.fields(plan.root, record, 0), ...application.counts };
}

/** What becomes of the value of one field that lies at a depth; undefined when nothing of it may stay. */
export function protectMember(
  node: PlanNode,
  value: unknown,
  seal: Seal,
  depth = 0,
): ProtectionCounts & { readonly value: unknown } {
  const application = new PlanApplication(seal, {});
  return { value: application.member(node, [value], 0, depth), ...application.counts };
}

/** The id of the account or person that a field of a record names; null when there is no field, or no readable id in it. */
export function idIn(field: string | null, record: unknown): string | null {
  if (field === null) return null;
  try {
    let value: unknown = record;
    for (const step of stepsOf(field)) {
      if (step.kind !== 'FIELD' || !isPlainObject(value) || !Object.hasOwn(value, step.name)) return null;
      value = value[step.name];
    }
    if (typeof value === 'bigint' || Number.isSafeInteger(value)) return String(value);
    // Halves of surrogate pairs all become the same bytes, and persons who differ in them one.
    return typeof value === 'string' && value !== '' && value.isWellFormed() ? value : null;
  } catch {
    return null;
  }
}

/** Paths that name accounts and persons, as steps; there is one or two for each mapping. */
const knownSteps = new Map<string, readonly FieldPathStep[]>();
const knownStepsMax = 1_000;

function stepsOf(path: string): readonly FieldPathStep[] {
  const known = knownSteps.get(path);
  if (known !== undefined) return known;
  if (knownSteps.size >= knownStepsMax) knownSteps.clear();
  const steps = parseFieldPath(path);
  knownSteps.set(path, steps);
  return steps;
}

class PlanApplication {
  readonly counts = { unknownRemoved: 0, faultsRemoved: 0 };
  readonly #seal: Seal;
  readonly #options: ApplyOptions;

  constructor(seal: Seal, options: ApplyOptions) {
    this.#seal = seal;
    this.#options = options;
  }

  fields(node: PlanNode, record: Record<string, unknown>, depth: number): Record<string, unknown> {
    const shown: Record<string, unknown> = {};
    for (const key of Object.keys(record)) {
      const field = node.fields.get(key);
      const value = field === undefined ? this.#unknown() : this.member(field, record, key, depth + 1);
      if (value !== undefined) setOwn(shown, key, value);
    }
    return shown;
  }

  #unknown(): undefined {
    this.counts.unknownRemoved += 1;
    return undefined;
  }

  /** The value of a member, or what became of it; reading can run a getter, and a getter can throw. */
  member(node: PlanNode, holder: object, key: string | number, depth: number): unknown {
    try {
      return this.#value(node, Reflect.get(holder, key), depth);
    } catch (error) {
      if (error instanceof LinewardError) throw error;
      return this.#fault();
    }
  }

  #fault(): undefined {
    this.counts.faultsRemoved += 1;
    return undefined;
  }

  #value(node: PlanNode, value: unknown, depth: number): unknown {
    if (value === null || value === undefined || value instanceof ProtectedValue) return value;
    if (typeof value !== 'object') return this.#leaf(node, value);
    if (depth > recordDepthMax) return this.#fault();
    if (Array.isArray(value) && node.element !== null) {
      const { element } = node;
      return Array.from(value, (_, index) => this.member(element, value, index, depth + 1) ?? null);
    }
    if (isPlainObject(value)) {
      if (node.fields.size > 0) return this.fields(node, value, depth);
      if (node.entry !== null) return this.#map(node.entry, value, depth);
    }
    return this.#leaf(node, value);
  }

  #leaf(node: PlanNode, value: unknown): unknown {
    const { protection } = node;
    if (protection !== null) {
      const acted = this.#act(node, protection, value);
      const isMarked = this.#options.marks === true && protection.action !== 'NONE' && acted !== undefined;
      return isMarked ? new ProtectedValue(acted, protection.semanticType) : acted;
    }
    const container = node.fields.size > 0 || node.element !== null || node.entry !== null;
    return container && !(node.allowsPlain && typeof value !== 'object') ? this.#unknown() : value;
  }

  #map(node: PlanNode, map: Readonly<Record<string, unknown>>, depth: number): Readonly<Record<string, unknown>> {
    const { protection } = node;
    if (protection?.action === 'REMOVE') return {};
    const keys = new DistinctKeys();
    const shown: Record<string, unknown> = {};
    for (const key of Object.keys(map)) {
      const shownKey = protection === null ? key : this.#act(node, protection, key);
      const value = this.member(node, map, key, depth + 1);
      if (typeof shownKey === 'string' && shownKey !== '' && value !== undefined)
        setOwn(shown, keys.take(shownKey), value);
    }
    return shown;
  }

  #act(node: PlanNode, protection: FieldProtection, value: unknown): unknown {
    switch (protection.action) {
      case 'NONE':
        return value;
      case 'REDACT':
      case 'TOKENIZE':
        return redactValue(protection.redactor, value) ?? (node.nullable ? null : undefined);
      case 'REMOVE':
        return this.#elementwise(node, value, (item) => removed(node, protection, item));
      case 'ENCRYPT':
        return this.#elementwise(node, value, (item) => sealedMember(node, protection, item, this.#seal));
    }
  }

  #elementwise(node: PlanNode, value: unknown, change: (item: unknown) => unknown, depth = 0): unknown {
    if (!Array.isArray(value)) return value === null || value === undefined ? value : change(value);
    if (depth > depthMax) {
      throw new LinewardError('VALUE_INVALID', 'Arrays are nested too deep.', { path: [node.path] });
    }
    return Array.from(value, (item: unknown) => this.#elementwise(node, item, change, depth + 1) ?? null);
  }
}

/** The envelope of one value of a field. @throws LinewardError VALUE_INVALID */
export function sealedMember(node: PlanNode, protection: FieldProtection, value: unknown, seal: Seal): string {
  try {
    return seal(value, protection);
  } catch {
    // The cause may quote the value, so it ends here.
    throw new LinewardError('VALUE_INVALID', 'The value of this field cannot be encrypted.', { path: [node.path] });
  }
}

// An assignment to `__proto__` would change the prototype instead of adding a key.
function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
  else object[key] = value;
}

/** A removed text is `""` or null, any other value null where the field may be null. */
function removed(node: PlanNode, { removalForm }: FieldProtection, value: unknown): unknown {
  if (removalForm === 'NULL') return null;
  if (typeof value === 'string') return '';
  return node.nullable ? null : undefined;
}
