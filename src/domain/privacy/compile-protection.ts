import { LinewardError } from '../../errors/lineward-error.ts';
import { childPath, type FieldPathStep, parseFieldPath } from './field-path.ts';
import type { FieldProtection, PlanNode, ProtectionPlan, ProtectionWarning } from './protection-plan.ts';
import { assertProtectionPolicy, decidingPolicy, type ProtectionPolicy } from './protection-policy.ts';
import { type RedactionRule, redactorOf, type Tokenize } from './redaction-rule.ts';
import type { SemanticTypes } from './semantic-type.ts';

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
  readonly types: SemanticTypes;
  /** Makes tokens; null is an error only where a policy or a type asks for them. */
  readonly tokenize: Tokenize | null;
  readonly accountField: string | null;
  readonly subjectField: string | null;
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
  for (const policy of input.policies) assertProtectionPolicy(policy, input.types);
  const warnings: ProtectionWarning[] = [];
  const root = new TreeCompilation(input, warnings).compile();
  const nodes = nodesByPath(root);
  const steps = input.fields.flatMap(({ path }) => {
    const protection = nodes.get(path)?.protection;
    if (protection === null || protection === undefined) return [];
    const classifications = input.types.find(protection.semanticType)?.classifications ?? ['UNKNOWN'];
    return [{ path, ...protection, isPersonal: classifications.length > 0 }];
  });
  const gaps = input.fields.map(({ path }) => path).filter((path) => isGap(nodes.get(path), input.accountField));
  if (input.strict && gaps.length > 0) {
    throw new LinewardError('SCHEMA_INVALID', 'Under strict protection every field needs a semantic type.', {
      details: { fields: gaps },
    });
  }
  const encrypting = [...nodes.values()].flatMap(({ protection }) =>
    protection?.action === 'ENCRYPT' ? [protection] : [],
  );
  const encrypts = encrypting.length > 0;
  const encryptsForAccounts = encrypting.some((one) => one.keyScope === 'ACCOUNT');
  const encryptsForSubjects = encrypting.some((one) => one.keyScope === 'SUBJECT');
  const { entityFullName, accountField, subjectField } = input;
  warnings.push(...keyFieldWarnings(nodes, { name: 'account', field: accountField, isNeeded: encrypts }));
  warnings.push(...keyFieldWarnings(nodes, { name: 'subject', field: subjectField, isNeeded: encryptsForSubjects }));
  const needs = { encrypts, encryptsForAccounts, encryptsForSubjects };
  return { entityFullName, accountField, subjectField, steps, gaps, warnings, ...needs, root };
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

const unknownProtection = {
  action: 'REMOVE',
  redactor: () => null,
  suite: 1,
  keyScope: 'ACCOUNT',
  padding: false,
} as const;

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
    return this.#node('', root, null, 0);
  }

  #node(path: string, branch: Branch, inherited: InheritedType | null, position: number): PlanNode {
    const own = branch.field?.semanticType ?? null;
    const type = own === null ? inherited : { semanticType: own, path };
    const nullable = branch.field?.nullable ?? false;
    const fields = new Map<string, PlanNode>();
    let element: PlanNode | null = null;
    let entry: PlanNode | null = null;
    for (const { step, branch: child } of branch.children.values()) {
      const node = this.#node(childPath(path, step), child, type, fields.size);
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
    const isLeaf = fields.size === 0 && element === null && entry === null;
    const passes = isLeaf && (protection === null || protection.action === 'NONE');
    const order = [...fields].map(([name, node]) => ({ key: `${JSON.stringify(name)}:`, node }));
    const ofText = textWay(protection, nullable);
    return { path, nullable, protection, passes, ofText, fields, order, position, element, entry };
  }

  #protection(path: string, nullable: boolean, type: InheritedType): FieldProtection {
    const { entityFullName, namespace, policies, types, tokenize } = this.#input;
    const known = types.find(type.semanticType);
    if (known === null) {
      this.#warn(path, 'The semantic type is not registered; the values are removed.');
      return { ...unknownProtection, semanticType: type.semanticType, removalForm: nullable ? 'NULL' : 'EMPTY' };
    }
    const policy = decidingPolicy(policies, known, { entityFullName, namespace, paths: [path, type.path] });
    const action = policy?.action ?? known.defaultAction;
    const { removalForm, suite, keyScope, padding } = policy?.params ?? {};
    const rule: RedactionRule = action === 'TOKENIZE' ? { kind: 'TOKEN' } : known.redaction;
    const wanted = removalForm ?? (known.name === 'customertext' ? 'EMPTY' : 'NULL');
    return {
      semanticType: known.name,
      action,
      removalForm: nullable ? wanted : 'EMPTY',
      redactor: redactorOf(known.name, rule, tokenize),
      suite: suite ?? 1,
      keyScope: keyScope ?? 'ACCOUNT',
      padding: padding ?? false,
    };
  }

  #warn(path: string, message: string): void {
    this.#warnings.push({ path, message });
  }
}

function textWay(protection: FieldProtection | null, nullable: boolean): PlanNode['ofText'] {
  if (protection === null) return null;
  const { action, redactor, removalForm } = protection;
  if (action === 'REMOVE') return removalForm === 'NULL' ? () => null : () => '';
  if (action !== 'REDACT' && action !== 'TOKENIZE') return null;
  return nullable ? redactor : (text) => redactor(text) ?? undefined;
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

function keyFieldWarnings(
  nodes: ReadonlyMap<string, PlanNode>,
  { name, field, isNeeded }: { readonly name: string; readonly field: string | null; readonly isNeeded: boolean },
): readonly ProtectionWarning[] {
  if (field === null)
    return isNeeded ? [{ path: '', message: `The plan encrypts, but no field names the ${name}; records fail.` }] : [];
  const node = nodes.get(field);
  if (node === undefined || parseFieldPath(field).some((step) => step.kind !== 'FIELD'))
    return [{ path: field, message: `The ${name} field is not a plain field of the entity.` }];
  const action = node.protection?.action ?? 'NONE';
  if (action === 'NONE' || name !== 'account') return [];
  return [{ path: field, message: `The account field itself falls under ${action}; readers cannot tell accounts.` }];
}
