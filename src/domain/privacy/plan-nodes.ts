import { LinewardError } from '../../errors/lineward-error.ts';
import type { FieldPathStep } from './field-path.ts';
import { type PlanBranch, withRecurrences } from './plan-shape.ts';
import { protectionActions } from './protection-action.ts';
import type { ProtectionInput } from './protection-input.ts';
import type { FieldProtection, PlanNode, ProtectionWarning } from './protection-plan.ts';
import { decidingPolicy } from './protection-policy.ts';
import { type RedactionRule, redactorOf } from './redaction-rule.ts';

/** Most nodes of a plan: schemas that lie within each other in many ways could make more than anyone can hold. */
const nodesMax = 50_000;

/** A semantic type on its way down the tree, and the path of the field that bears it. */
interface GivenType {
  readonly semanticType: string;
  readonly path: string;
}

type NodeInTheMaking = { -readonly [Key in keyof PlanNode]: PlanNode[Key] } & {
  readonly fields: Map<string, PlanNode>;
  readonly order: { readonly key: string; readonly node: PlanNode }[];
};

/** What the values of one place are: the branches that lead there, and the types that come from above. */
interface Place {
  readonly branches: readonly PlanBranch[];
  readonly inherited: readonly GivenType[];
  readonly position: number;
}

const unknownProtection = {
  action: 'REMOVE',
  redactor: () => null,
  suite: 1,
  keyScope: 'ACCOUNT',
  padding: false,
} as const;

/**
 * Makes the nodes of a plan. A place that is reached by the same branches and under the same types as another one is the same
 * node, so records inside themselves end in a node that they came from, and protection goes to any depth.
 */
export class PlanNodes {
  readonly #input: ProtectionInput;
  readonly #warnings = new Map<string, ProtectionWarning>();
  readonly #nodes = new Map<string, NodeInTheMaking>();
  readonly #unfinished: (() => void)[] = [];

  constructor(input: ProtectionInput) {
    this.#input = input;
  }

  get warnings(): readonly ProtectionWarning[] {
    return [...this.#warnings.values()];
  }

  get all(): readonly PlanNode[] {
    return [...this.#nodes.values()];
  }

  /** The node of the record itself, with all that is below. */
  rootOf(shape: PlanBranch): PlanNode {
    const root = this.#node({ branches: [shape], inherited: [], position: 0 });
    for (let finish = this.#unfinished.pop(); finish !== undefined; finish = this.#unfinished.pop()) finish();
    for (const node of this.#nodes.values()) this.#warnOfMap(node);
    return root;
  }

  #node(place: Place): PlanNode {
    const ids = place.branches.map(({ id }) => id).join(',');
    const key = `${ids}|${place.inherited.map(({ semanticType, path }) => `${semanticType}@${path}`).join('|')}`;
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    if (this.#nodes.size >= nodesMax)
      throw new LinewardError('LIMIT_EXCEEDED', `The records lie within each other in more than ${nodesMax} ways.`);
    const types = typesOf(place);
    const node = this.#begun(place, types);
    this.#nodes.set(key, node);
    this.#unfinished.push(() => this.#finish(node, place, types));
    return node;
  }

  #begun({ branches, position }: Place, types: readonly GivenType[]): NodeInTheMaking {
    const named = branches.flatMap(({ field }) => (field === null ? [] : [field]));
    const nullable = named.length > 0 && named.every((field) => field.nullable);
    const protection = this.#joined(branches, nullable, types);
    return {
      path: branches[0]?.path ?? '',
      nullable,
      protection,
      passes: false,
      allowsPlain: branches.some((branch) => branch.allowsPlain),
      ofText: textWay(protection, nullable),
      fields: new Map(),
      order: [],
      position,
      element: null,
      entry: null,
    };
  }

  #finish(node: NodeInTheMaking, place: Place, inherited: readonly GivenType[]): void {
    for (const { step, branches } of childrenOf(place.branches)) {
      const child = this.#node({ branches, inherited, position: node.order.length });
      if (step.kind === 'FIELD') {
        node.fields.set(step.name, child);
        node.order.push({ key: `${JSON.stringify(step.name)}:`, node: child });
      } else if (step.kind === 'ELEMENT') node.element = child;
      else node.entry = child;
    }
    const isLeaf = node.fields.size === 0 && node.element === null && node.entry === null;
    node.passes = isLeaf && (node.protection === null || node.protection.action === 'NONE');
  }

  /** The strictest of what the types ask for. Two ways of redacting would each leave what the other one hides. */
  #joined(branches: readonly PlanBranch[], nullable: boolean, types: readonly GivenType[]): FieldProtection | null {
    const path = branches[0]?.path ?? '';
    const paths = branches.map((branch) => branch.path);
    const [only, ...more] = types;
    if (only === undefined || more.length === 0)
      return only === undefined ? null : this.#protection(paths, nullable, only);
    const asked = types.map((type) => this.#protection(paths, nullable, type));
    const [strictest, ...others] = asked.toSorted((one, other) => strictness(other) - strictness(one));
    if (strictest === undefined) return null;
    const isTwofold =
      strictest.action === 'REDACT' &&
      others.some(({ action, semanticType }) => action === 'REDACT' && semanticType !== strictest.semanticType);
    if (!isTwofold) return strictest;
    this.#warn(path, 'Values of several semantic types may stand here, and nobody can tell which; they are removed.');
    return { ...strictest, action: 'REMOVE', removalForm: nullable ? 'NULL' : 'EMPTY' };
  }

  #protection(paths: readonly string[], nullable: boolean, type: GivenType): FieldProtection {
    const { entityFullName, namespace, policies, types, tokenize } = this.#input;
    const known = types.find(type.semanticType);
    if (known === null) {
      const name = JSON.stringify(type.semanticType.slice(0, 80));
      this.#warn(paths[0] ?? '', `The semantic type ${name} is not registered; the values are removed.`);
      return { ...unknownProtection, semanticType: type.semanticType, removalForm: nullable ? 'NULL' : 'EMPTY' };
    }
    const policy = decidingPolicy(policies, known, { entityFullName, namespace, paths: [...paths, type.path] });
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

  #warnOfMap({ path, entry, fields }: PlanNode): void {
    if (entry === null) return;
    if (fields.size > 0) this.#warn(path, 'Members of this object that have no field of their own are left out.');
    else if (entry.protection === null)
      this.#warn(
        entry.path,
        'The keys of this map pass as they are; give the map a semantic type if they name people.',
      );
  }

  #warn(path: string, message: string): void {
    this.#warnings.set(`${path} ${message}`, { path, message });
  }
}

/** The types that the values of a place may have: what the fields say, and where one says nothing what comes from above. */
function typesOf({ branches, inherited }: Place): readonly GivenType[] {
  const given = branches.flatMap(({ field, path }): readonly GivenType[] =>
    (field === null ? [null] : [field.semanticType, ...field.otherTypes]).flatMap((semanticType) =>
      semanticType === null ? inherited : [{ semanticType, path }],
    ),
  );
  if (given.length < 2) return given;
  return [...new Map(given.map((type) => [`${type.semanticType}@${type.path}`, type])).values()];
}

/** The children of all branches of a place, joined by their step. */
function childrenOf(
  branches: readonly PlanBranch[],
): readonly { readonly step: FieldPathStep; readonly branches: readonly PlanBranch[] }[] {
  const [shape, ...others] = withRecurrences(branches);
  if (shape === undefined) return [];
  if (others.length === 0)
    return Array.from(shape.children.values(), ({ step, branch }) => ({ step, branches: [branch] }));
  const children = [shape, ...others].flatMap((branch) => [...branch.children]);
  return [...Map.groupBy(children, ([key]) => key).values()].flatMap((same) => {
    const [first] = same;
    return first === undefined ? [] : [{ step: first[1].step, branches: same.map(([, { branch }]) => branch) }];
  });
}

function strictness({ action }: FieldProtection): number {
  return protectionActions.indexOf(action);
}

function textWay(protection: FieldProtection | null, nullable: boolean): PlanNode['ofText'] {
  if (protection === null) return null;
  const { action, redactor, removalForm } = protection;
  if (action === 'REMOVE') return removalForm === 'NULL' ? () => null : () => '';
  if (action !== 'REDACT' && action !== 'TOKENIZE') return null;
  return nullable ? redactor : (text) => redactor(text) ?? undefined;
}
