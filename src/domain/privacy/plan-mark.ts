import type { ProtectionAction } from './protection-action.ts';
import type { PlanNode, ProtectionPlan } from './protection-plan.ts';

/** Name of the metadata of a file of the lake that says what of it is protected. */
export const protectionMark = 'lineward.protection';

/** What is done to one top-level field, by the paths within it. */
export type FieldSteps = Readonly<Record<string, { readonly semanticType: string; readonly action: ProtectionAction }>>;

/** Steps of each top-level field that do something. */
export function stepsByField(plan: ProtectionPlan): ReadonlyMap<string, FieldSteps> {
  const fields = new Map<string, FieldSteps>();
  for (const [name, node] of plan.root.fields) {
    const steps = new Map<string, FieldSteps[string]>();
    collect(node, steps);
    if (steps.size > 0) fields.set(name, Object.fromEntries(steps));
  }
  return fields;
}

/** Of a record inside itself the walk comes back to where it was. */
function collect(node: PlanNode, steps: Map<string, FieldSteps[string]>, seen = new Set<PlanNode>()): void {
  if (seen.has(node)) return;
  seen.add(node);
  const { protection, path } = node;
  if (protection !== null && protection.action !== 'NONE')
    steps.set(path, { semanticType: protection.semanticType, action: protection.action });
  for (const inner of [...node.fields.values(), node.element, node.entry])
    if (inner !== null) collect(inner, steps, seen);
}

/** Equal for plans that do the same. */
export function planMark(plan: ProtectionPlan): unknown {
  return {
    entity: plan.entityFullName,
    columns: Object.fromEntries(stepsByField(plan)),
    forms: plan.steps.map(({ path, removalForm, suite, keyScope, padding }) => [
      path,
      removalForm,
      suite,
      keyScope,
      padding,
    ]),
  };
}

/** True for a plan that makes tokens: of a token none must be made. */
export const makesTokens = (plan: ProtectionPlan): boolean =>
  [...stepsByField(plan).values()].some((steps) => Object.values(steps).some(({ action }) => action === 'TOKENIZE'));
