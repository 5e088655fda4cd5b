import { LinewardError } from '../../errors/lineward-error.ts';
import { parseFieldPath } from './field-path.ts';
import { PlanNodes } from './plan-nodes.ts';
import { type PlanBranch, planShape } from './plan-shape.ts';
import type { ProtectedField, ProtectionInput } from './protection-input.ts';
import type { PlanNode, ProtectionPlan, ProtectionWarning } from './protection-plan.ts';
import { assertProtectionPolicy } from './protection-policy.ts';

/**
 * Decides once per entity version what happens to each field. The narrowest policy wins, at equal scope the stricter
 * action; without a policy the semantic type's own action holds. A field without a type inherits its parent's. Values
 * of unknown types are removed whatever the policies say; of values that may be of several types the strictest action is
 * taken. A record inside itself is protected like the record, however deep.
 * @throws LinewardError SCHEMA_INVALID for a malformed path, or an untyped field under `strict` (all of them in
 * `details.fields`); FIELD_DUPLICATE; BAD_INPUT or SEMANTIC_TYPE_UNKNOWN for a policy that cannot be kept.
 */
export function compileProtection(input: ProtectionInput): ProtectionPlan {
  for (const policy of input.policies) assertProtectionPolicy(policy, input.types);
  const shape = planShape(input.fields);
  const made = new PlanNodes(input);
  const root = made.rootOf(shape);
  const nodes = nodesByPath(shape, root);
  const steps = input.fields.flatMap(({ path }) => {
    const protection = nodes.get(path)?.protection;
    if (protection === null || protection === undefined) return [];
    const classifications = input.types.find(protection.semanticType)?.classifications ?? ['UNKNOWN'];
    return [{ path, ...protection, isPersonal: classifications.length > 0 }];
  });
  const gaps = input.fields.filter((field) => isGap(field, nodes, input.accountField)).map(({ path }) => path);
  if (input.strict && gaps.length > 0) {
    throw new LinewardError('SCHEMA_INVALID', 'Under strict protection every field needs a semantic type.', {
      details: { fields: gaps },
    });
  }
  const encrypting = made.all.flatMap(({ protection }) => (protection?.action === 'ENCRYPT' ? [protection] : []));
  const encrypts = encrypting.length > 0;
  const encryptsForAccounts = encrypting.some((one) => one.keyScope === 'ACCOUNT');
  const encryptsForSubjects = encrypting.some((one) => one.keyScope === 'SUBJECT');
  const { entityFullName, accountField, subjectField } = input;
  const warnings = [
    ...made.warnings,
    ...keyFieldWarnings(nodes, { name: 'account', field: accountField, isNeeded: encrypts }),
    ...keyFieldWarnings(nodes, { name: 'subject', field: subjectField, isNeeded: encryptsForSubjects }),
  ];
  const recurrences = input.fields.flatMap((field) => field.recurrences);
  const needs = { encrypts, encryptsForAccounts, encryptsForSubjects };
  return { entityFullName, accountField, subjectField, steps, gaps, recurrences, warnings, ...needs, root };
}

/** The node of each path of the fields; places within places that begin again have none of their own. */
function nodesByPath(shape: PlanBranch, root: PlanNode): ReadonlyMap<string, PlanNode> {
  const nodes = new Map<string, PlanNode>();
  const visit = ({ path, children }: PlanBranch, node: PlanNode): void => {
    nodes.set(path, node);
    for (const { step, branch } of children.values()) {
      const inner =
        step.kind === 'FIELD' ? node.fields.get(step.name) : step.kind === 'ELEMENT' ? node.element : node.entry;
      if (inner !== null && inner !== undefined) visit(branch, inner);
    }
  };
  visit(shape, root);
  return nodes;
}

/** True where values pass that the schema says nothing of: those of a leaf, or plain ones beside records, lists and maps. */
function isGap(
  { path, plainAt }: ProtectedField,
  nodes: ReadonlyMap<string, PlanNode>,
  accountField: string | null,
): boolean {
  const node = nodes.get(path);
  if (node === undefined || node.protection !== null || path === accountField) return false;
  const isLeaf = node.fields.size === 0 && node.element === null && node.entry === null;
  return isLeaf || plainAt.some((at) => nodes.get(at)?.protection === null);
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
