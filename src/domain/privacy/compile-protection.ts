import { LinewardError } from '../../errors/lineward-error.ts';
import { childPath, type FieldPathStep, parseFieldPath } from './field-path.ts';
import type { FieldProtection, PlanNode, ProtectionPlan, ProtectionWarning } from './protection-plan.ts';
import { assertProtectionPolicy, decidingPolicy, type ProtectionPolicy } from './protection-policy.ts';
import { semanticTypeOf } from './semantic-type.ts';

export interface ProtectedField {
  /** Path as the registry writes it: `a.b`, `a[]`, `a{}`. */
  readonly path: string;
  readonly nullable: boolean;
  /** Name or alias; null when the schema does not say. */
  readonly semanticType: string | null;
}

export interface ProtectionInput {
  readonly entityFullName: string;
  readonly namespace: string;
  readonly fields: readonly ProtectedField[];
  readonly policies: readonly ProtectionPolicy[];
  readonly accountField: string | null;
  /** Refuses fields without a semantic type; else they pass and are listed as gaps. */
  readonly strict: boolean;
}

/**
 * Decides once per entity version what happens to each field. The narrowest policy wins, at equal scope the stricter
 * action; without a policy the semantic type's own action holds. A field without a type inherits its parent's. Values
 * of unknown types are removed whatever the policies say.
 * @throws LinewardError SCHEMA_INVALID for a malformed path, or an untyped field under `strict` (all of them in
 * `details.fields`); FIELD_DUPLICATE; BAD_INPUT or SEMANTIC_TYPE_UNKNOWN for a policy that cannot be kept.
 */
export function compileProtection(input: ProtectionInput): ProtectionPlan {
  for (const policy of input.policies) assertProtectionPolicy(policy);
  const warnings: ProtectionWarning[] = [];
  const root = new TreeCompilation(input, warnings).compile();
  const nodes = nodesByPath(root);
  const steps = input.fields.flatMap(({ path }) => {
    const protection = nodes.get(path)?.protection;
    return protection === null || protection === undefined ? [] : [{ path, ...protection }];
  });
  const gaps = input.fields.map(({ path }) => path).filter((path) => isGap(nodes.get(path), input.accountField));
  if (input.strict && gaps.length > 0) {
    throw new LinewardError('SCHEMA_INVALID', 'Under strict protection every field needs a semantic type.', {
      details: { fields: gaps },
    });
  }
  const encrypts = [...nodes.values()].some((node) => node.protection?.action === 'ENCRYPT');
  warnings.push(...accountWarnings(input, nodes, encrypts));
  const { entityFullName, accountField } = input;
  return { entityFullName, accountField, steps, gaps, warnings, encrypts, root };
}

interface Branch {
  readonly children: Map<string, { readonly step: FieldPathStep; readonly branch: Branch }>;
  field: ProtectedField | null;
}

/** A semantic type on its way down the tree, and the path of the field that bears it. */
interface InheritedType {
  readonly semanticType: string;
  readonly path: string;
}

class TreeCompilation {
  readonly #input: ProtectionInput;
  readonly #warnings: ProtectionWarning[];

  constructor(input: ProtectionInput, warnings: ProtectionWarning[]) {
    this.#input = input;
    this.#warnings = warnings;
  }

  compile(): PlanNode {
    const root: Branch = { children: new Map(), field: null };
    for (const field of this.#input.fields) {
      let branch = root;
      for (const step of parseFieldPath(field.path)) {
        const key = childPath('', step);
        const child = branch.children.get(key)?.branch ?? { children: new Map(), field: null };
        branch.children.set(key, { step, branch: child });
        branch = child;
      }
      if (branch.field !== null) throw new LinewardError('FIELD_DUPLICATE', undefined, { path: [field.path] });
      branch.field = field;
    }
    return this.#node('', root, null);
  }

  #node(path: string, branch: Branch, inherited: InheritedType | null): PlanNode {
    const own = branch.field?.semanticType ?? null;
    const type = own === null ? inherited : { semanticType: own, path };
    const nullable = branch.field?.nullable ?? false;
    const fields = new Map<string, PlanNode>();
    let element: PlanNode | null = null;
    let entry: PlanNode | null = null;
    for (const { step, branch: child } of branch.children.values()) {
      const node = this.#node(childPath(path, step), child, type);
      if (step.kind === 'FIELD') fields.set(step.name, node);
      else if (step.kind === 'ELEMENT') element = node;
      else entry = node;
    }
    const protection = type === null ? null : this.#protection(path, nullable, type);
    if (entry !== null && entry.protection === null) {
      this.#warn(
        entry.path,
        'The keys of this map pass as they are; give the map a semantic type if they name people.',
      );
    }
    return { path, nullable, protection, fields, element, entry };
  }

  #protection(path: string, nullable: boolean, type: InheritedType): FieldProtection {
    const known = semanticTypeOf(type.semanticType);
    if (known === null) {
      this.#warn(path, 'The semantic type is not registered; the values are removed.');
      return { semanticType: type.semanticType, action: 'REMOVE', removalForm: nullable ? 'NULL' : 'EMPTY' };
    }
    const { entityFullName, namespace, policies } = this.#input;
    const policy = decidingPolicy(policies, known.name, { entityFullName, namespace, paths: [path, type.path] });
    const action = policy?.action ?? known.defaultAction;
    if (action === 'TOKENIZE') throw new LinewardError('INTERNAL', 'TOKENIZE reached a protection plan.');
    const wanted = policy?.removalForm ?? (known.name === 'customertext' ? 'EMPTY' : 'NULL');
    return { semanticType: known.name, action, removalForm: nullable ? wanted : 'EMPTY' };
  }

  #warn(path: string, message: string): void {
    this.#warnings.push({ path, message });
  }
}

function nodesByPath(root: PlanNode): ReadonlyMap<string, PlanNode> {
  const nodes = new Map<string, PlanNode>();
  const visit = (node: PlanNode): void => {
    nodes.set(node.path, node);
    for (const child of node.fields.values()) visit(child);
    if (node.element !== null) visit(node.element);
    if (node.entry !== null) visit(node.entry);
  };
  visit(root);
  return nodes;
}

function isGap(node: PlanNode | undefined, accountField: string | null): boolean {
  if (node === undefined || node.protection !== null || node.path === accountField) return false;
  return node.fields.size === 0 && node.element === null && node.entry === null;
}

function accountWarnings(
  { accountField }: ProtectionInput,
  nodes: ReadonlyMap<string, PlanNode>,
  encrypts: boolean,
): readonly ProtectionWarning[] {
  if (accountField === null) {
    return encrypts ? [{ path: '', message: 'The plan encrypts, but no field names the account; records fail.' }] : [];
  }
  const node = nodes.get(accountField);
  if (node === undefined || parseFieldPath(accountField).some((step) => step.kind !== 'FIELD')) {
    return [{ path: accountField, message: 'The account field is not a plain field of the entity.' }];
  }
  const action = node.protection?.action ?? 'NONE';
  return action === 'NONE'
    ? []
    : [
        {
          path: accountField,
          message: `The account field itself falls under ${action}; readers cannot tell accounts.`,
        },
      ];
}
