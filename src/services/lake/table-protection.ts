import { parseFieldPath } from '../../domain/privacy/field-path.ts';
import { jsonMembers } from '../../domain/privacy/json-members.ts';
import { isKeyFault } from '../../domain/privacy/key-fault.ts';
import {
  type FieldSteps,
  makesTokens,
  planMark,
  protectionMark,
  stepsByField,
} from '../../domain/privacy/plan-mark.ts';
import type { ProtectionPlan } from '../../domain/privacy/protection-plan.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { ProtectionService } from '../privacy/protection.service.ts';
import { columnText, formsOf, recordsOf } from './column-records.ts';
import type { ColumnTexts, ProfileResult, ValueForm } from './ports.ts';
import type { FileTransform, TableTransformation, TransformTally } from './table-transformation.ts';

/** Columns without a field that a receipt names: lines of JSON may have names that are data, and thousands of them. */
const unknownNamedMax = 20;

/** Applies the protection plan of an entity to the rows of its tables. */
export class TableProtection implements TableTransformation {
  readonly #plan: ProtectionPlan;
  readonly #protection: Pick<ProtectionService, 'protectTexts'>;
  readonly #steps: ReadonlyMap<string, FieldSteps>;

  constructor(plan: ProtectionPlan, protection: Pick<ProtectionService, 'protectTexts'>) {
    this.#plan = plan;
    this.#protection = protection;
    this.#steps = stepsByField(plan);
  }

  get mark(): unknown {
    return planMark(this.#plan);
  }

  get isOnceOnly(): boolean {
    return makesTokens(this.#plan);
  }

  of(profile: ProfileResult, { forProof = false }: { readonly forProof?: boolean } = {}): FileTransform | null {
    const forms = formsOf(profile);
    const done = marked(profile);
    const columns = [...this.#steps].flatMap(([name, steps]) => {
      if (!forms.has(name) || this.#isUnfit(name, forms.get(name)) || isTokenized(done[name], steps)) return [];
      // An envelope proves itself; what was redacted cannot be told from what was not, but by the mark of the file.
      const isDone = isDeepEqual(done[name], steps) && !(forProof && encrypts(steps));
      return isDone ? [] : [name];
    });
    if (columns.length === 0) return null;
    const keyColumns = [this.#plan.accountField, this.#plan.subjectField].flatMap((field) => topLevel(field, forms));
    const worked = Object.fromEntries([...this.#steps].filter(([name]) => columns.includes(name)));
    return {
      columns,
      keyColumns,
      metadata: { [protectionMark]: JSON.stringify({ ...done, ...worked }) },
      transform: (batch, tally) => this.#protect(batch, { columns, forms: formsOf(profile), tally }),
    };
  }

  gapsOf(profile: ProfileResult) {
    const fields = this.#plan.root.fields;
    const unknown = profile.columns.filter(({ name }) => !fields.has(name)).map(({ name }) => name);
    const unfit = profile.columns.filter(({ name, form }) => this.#isUnfit(name, form));
    const done = marked(profile);
    const tokenized = profile.columns.filter(({ name }) => isTokenized(done[name], this.#steps.get(name) ?? {}));
    const more = unknown.length - unknownNamedMax;
    return [
      ...unknown.slice(0, unknownNamedMax).map((name) => ({
        code: 'COLUMN_UNKNOWN',
        reason: `the column ${name} is no field of the entity, so no policy speaks of it; it stays as it is`,
      })),
      ...(more > 0
        ? [{ code: 'COLUMN_UNKNOWN', reason: `${more} more columns are no fields of the entity either; they stay` }]
        : []),
      ...unfit.map(({ name }) => ({
        code: 'COLUMN_UNFIT',
        reason: `the column ${name} is of a type that cannot hold what protection leaves; it stays as it is`,
      })),
      ...tokenized.map(({ name }) => ({
        code: 'COLUMN_TOKENIZED',
        reason: `the column ${name} has tokens under policies that have changed, and tokens of tokens would join nothing; it stays as it is`,
      })),
    ];
  }

  /** True for a column that would lose its values instead of having them protected. */
  #isUnfit(name: string, form: ValueForm | undefined): boolean {
    const [steps, node] = [this.#steps.get(name), this.#plan.root.fields.get(name)];
    if (steps === undefined || node === undefined) return false;
    if (form === 'OTHER') return !onlyRemoves(steps);
    return form === 'TEXT' && (node.fields.size > 0 || node.element !== null || node.entry !== null);
  }

  async #protect(
    batch: ColumnTexts,
    work: {
      readonly columns: readonly string[];
      readonly forms: ReturnType<typeof formsOf>;
      readonly tally: TransformTally;
    },
  ): Promise<ColumnTexts> {
    const { columns, forms, tally } = work;
    const records = recordsOf(batch, forms);
    const answers = await this.#protection.protectTexts(this.#plan, records, { keepSealed: true });
    // Key columns that are no fields of the entity are read and stay.
    const strangers = Object.keys(batch).filter((name) => !this.#plan.root.fields.has(name)).length;
    const replaced = new Map(columns.map((name): [string, (string | null)[]] => [name, []]));
    for (const [row, answer] of answers.entries()) {
      if (!answer.ok && isKeyFault(answer.code)) throw new LinewardError(answer.code);
      if (answer.ok) {
        tally.count('unknownRemoved', answer.unknownRemoved - strangers);
        tally.count('faultsRemoved', answer.faultsRemoved);
      } else tally.fail(answer.code);
      const members = answer.ok ? jsonMembers(answer.text) : null;
      for (const [name, texts] of replaced) {
        const given = batch[name]?.[row] ?? null;
        texts.push(members === null ? given : columnText(members.get(name), given, forms.get(name)));
      }
    }
    return Object.fromEntries(replaced);
  }
}

const onlyRemoves = (steps: FieldSteps): boolean => Object.values(steps).every(({ action }) => action === 'REMOVE');

const encrypts = (steps: FieldSteps): boolean => Object.values(steps).some(({ action }) => action === 'ENCRYPT');

/** True for a column in which values that are to become tokens are tokens already, beside others that are to be changed. */
function isTokenized(done: unknown, steps: FieldSteps): boolean {
  if (typeof done !== 'object' || done === null || isDeepEqual(done, steps)) return false;
  const before = new Map<string, Partial<FieldSteps[string]> | null>(Object.entries(done));
  return Object.entries(steps).some(
    ([path, { action }]) => action === 'TOKENIZE' && before.get(path)?.action === 'TOKENIZE',
  );
}

/** What a file says is done in it, by column. */
function marked({ metadata }: ProfileResult): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(metadata[protectionMark] ?? '{}');
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

const isDeepEqual = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

function topLevel(field: string | null, forms: ReadonlyMap<string, unknown>): readonly string[] {
  const [first] = field === null ? [] : parseFieldPath(field);
  return first?.kind === 'FIELD' && forms.has(first.name) ? [first.name] : [];
}
