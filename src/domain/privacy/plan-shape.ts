import { LinewardError } from '../../errors/lineward-error.ts';
import { childPath, type FieldPathStep, parseFieldPath } from './field-path.ts';
import type { ProtectedField } from './protection-input.ts';

/** One path of the fields of a record, before anything is decided. */
export interface PlanBranch {
  readonly id: number;
  readonly path: string;
  readonly children: Map<string, { readonly step: FieldPathStep; readonly branch: PlanBranch }>;
  /** Branches further up that begin again here: this one has their children, too. */
  readonly recurrences: PlanBranch[];
  field: ProtectedField | null;
  /** Values without members may stand here beside those that have some. */
  allowsPlain: boolean;
}

/**
 * The tree of the fields of a record; answers its root.
 * @throws LinewardError SCHEMA_INVALID for a malformed path, FIELD_DUPLICATE.
 */
export function planShape(fields: readonly ProtectedField[]): PlanBranch {
  let count = 0;
  const branchAt = (path: string): PlanBranch => {
    count += 1;
    return { id: count, path, children: new Map(), recurrences: [], field: null, allowsPlain: false };
  };
  const root = branchAt('');
  const reach = (path: string): PlanBranch => {
    let branch = root;
    for (const step of path === '' ? [] : parseFieldPath(path)) {
      const key = childPath('', step);
      const child = branch.children.get(key)?.branch ?? branchAt(childPath(branch.path, step));
      branch.children.set(key, { step, branch: child });
      branch = child;
    }
    return branch;
  };
  for (const field of fields) {
    const branch = field.path === '' ? null : reach(field.path);
    if (branch === null) throw new LinewardError('SCHEMA_INVALID', 'A field has no name.', { path: ['fields'] });
    if (branch.field !== null) throw new LinewardError('FIELD_DUPLICATE', undefined, { path: [field.path] });
    branch.field = field;
  }
  for (const at of fields.flatMap((field) => field.plainAt)) reach(at).allowsPlain = true;
  for (const { at, to } of fields.flatMap((field) => field.recurrences)) reach(at).recurrences.push(reach(to));
  return root;
}

/** The branches with all that begin again in them, however far up those lead. */
export function withRecurrences(branches: readonly PlanBranch[]): readonly PlanBranch[] {
  if (branches.every(({ recurrences }) => recurrences.length === 0)) return branches;
  // A set is walked in the order of insertion, what is added on the way included.
  const all = new Set(branches);
  for (const branch of all) for (const begun of branch.recurrences) all.add(begun);
  return [...all];
}
