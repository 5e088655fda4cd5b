import { LinewardError } from '../../errors/lineward-error.ts';
import { parseFieldPath } from './field-path.ts';
import type { FieldProtection, PlanNode, ProtectionPlan } from './protection-plan.ts';
import { DistinctKeys, depthMax, isPlainObject, redactValue } from './redact-value.ts';

/** Encrypts one value; the account and its key are bound in by the caller. */
export type Seal = (value: unknown, semanticType: string) => string;

export interface AppliedProtection {
  /** A new record; parts that pass are shared with the input, so treat it as read-only. */
  readonly record: Readonly<Record<string, unknown>>;
  /** Fields dropped because the entity's schema does not know them, or not in that shape. */
  readonly unknownRemoved: number;
  /** Fields dropped because reading or redacting them failed. */
  readonly faultsRemoved: number;
}

/**
 * Applies a plan to one record without changing it; keys keep their order. Fails closed: fields that the schema does
 * not know, values in another shape than it says, and fields that cannot be read are left out and counted.
 * Keys of a map are data: they are redacted or sealed like its values, and a map under REMOVE becomes empty.
 * @throws LinewardError VALUE_INVALID when the record is no plain object, or a value cannot be sealed; `path` names the
 * field, and no error holds a value.
 */
export function applyProtection(plan: ProtectionPlan, record: unknown, seal: Seal): AppliedProtection {
  if (!isPlainObject(record)) throw new LinewardError('VALUE_INVALID', 'A record must be a plain object.');
  const application = new PlanApplication(seal);
  return { record: application.fields(plan.root, record), ...application.counts };
}

/** The account that a record belongs to; null when the plan names no field, or the record holds no readable id. */
export function accountIdOf(plan: ProtectionPlan, record: unknown): string | null {
  if (plan.accountField === null) return null;
  try {
    let value: unknown = record;
    for (const step of parseFieldPath(plan.accountField)) {
      if (step.kind !== 'FIELD' || !isPlainObject(value) || !Object.hasOwn(value, step.name)) return null;
      value = value[step.name];
    }
    if (typeof value === 'bigint' || Number.isSafeInteger(value)) return String(value);
    return typeof value === 'string' && value !== '' ? value : null;
  } catch {
    return null;
  }
}

class PlanApplication {
  readonly counts = { unknownRemoved: 0, faultsRemoved: 0 };
  readonly #seal: Seal;

  constructor(seal: Seal) {
    this.#seal = seal;
  }

  fields(node: PlanNode, record: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    const entries: [string, unknown][] = [];
    for (const key of Object.keys(record)) {
      const field = node.fields.get(key);
      const value = field === undefined ? this.#unknown() : this.#guarded(field, () => record[key]);
      if (value !== undefined) entries.push([key, value]);
    }
    // Object.fromEntries defines own properties, so a key like __proto__ stays data.
    return Object.fromEntries(entries);
  }

  #unknown(): undefined {
    this.counts.unknownRemoved += 1;
    return undefined;
  }

  #guarded(node: PlanNode, read: () => unknown): unknown {
    try {
      return this.#value(node, read());
    } catch (error) {
      if (error instanceof LinewardError) throw error;
      this.counts.faultsRemoved += 1;
      return undefined;
    }
  }

  #value(node: PlanNode, value: unknown): unknown {
    if (value === null || value === undefined) return value;
    if (Array.isArray(value) && node.element !== null) {
      const { element } = node;
      return Array.from(value, (item: unknown) => this.#guarded(element, () => item) ?? null);
    }
    if (isPlainObject(value)) {
      if (node.fields.size > 0) return this.fields(node, value);
      if (node.entry !== null) return this.#map(node.entry, value);
    }
    if (node.protection !== null) return this.#act(node, node.protection, value);
    const container = node.fields.size > 0 || node.element !== null || node.entry !== null;
    return container ? this.#unknown() : value;
  }

  #map(node: PlanNode, map: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    const { protection } = node;
    if (protection?.action === 'REMOVE') return {};
    const keys = new DistinctKeys();
    const entries: [string, unknown][] = [];
    for (const key of Object.keys(map)) {
      const shownKey = protection === null ? key : this.#act(node, protection, key);
      const value = this.#guarded(node, () => map[key]);
      if (typeof shownKey === 'string' && shownKey !== '' && value !== undefined) {
        entries.push([keys.take(shownKey), value]);
      }
    }
    return Object.fromEntries(entries);
  }

  #act(node: PlanNode, protection: FieldProtection, value: unknown): unknown {
    switch (protection.action) {
      case 'NONE':
        return value;
      case 'REDACT':
        return redactValue(protection.semanticType, value) ?? (node.nullable ? null : undefined);
      case 'REMOVE':
        return this.#elementwise(node, value, (item) => removed(node, protection, item));
      case 'ENCRYPT':
        return this.#elementwise(node, value, (item) => this.#sealed(node, protection.semanticType, item));
    }
  }

  #elementwise(node: PlanNode, value: unknown, change: (item: unknown) => unknown, depth = 0): unknown {
    if (!Array.isArray(value)) return value === null || value === undefined ? value : change(value);
    if (depth > depthMax) {
      throw new LinewardError('VALUE_INVALID', 'Arrays are nested too deep.', { path: [node.path] });
    }
    return Array.from(value, (item: unknown) => this.#elementwise(node, item, change, depth + 1) ?? null);
  }

  #sealed(node: PlanNode, semanticType: string, value: unknown): string {
    try {
      return this.#seal(value, semanticType);
    } catch {
      // The cause may quote the value, so it ends here.
      throw new LinewardError('VALUE_INVALID', 'The value of this field cannot be encrypted.', { path: [node.path] });
    }
  }
}

/** A removed text is `""` or null, any other value null where the field may be null. */
function removed(node: PlanNode, { removalForm }: FieldProtection, value: unknown): unknown {
  if (removalForm === 'NULL') return null;
  if (typeof value === 'string') return '';
  return node.nullable ? null : undefined;
}
