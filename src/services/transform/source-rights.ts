import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor, StandingActor } from '../../domain/access/actor.ts';
import type { Action } from '../../domain/access/role.ts';
import type { SourceFacts } from '../../domain/transform/spec-facts.ts';
import { placeOf, type SpecIssue } from '../../domain/transform/spec-issue.ts';
import { TransformerVersionSchema } from '../../entities/transformer.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { AccessGuard } from '../access/access-guard.ts';
import type { CatalogReaders } from '../access/catalog-readers.ts';
import { readAs, readWhole } from '../access/reader.ts';
import { rolesNow } from '../access/roles-now.ts';
import { classificationsOf, clearColumns } from '../lake-reads/clear-columns.ts';
import { textArray } from '../sql.ts';
import type { InputLabels, LabelledInput } from './input-labels.ts';
import {
  type CheckedTransformer,
  type GivenTransformer,
  inputsOf,
  type KnownTransformer,
  type TransformerFacts,
} from './transformer-facts.ts';

export interface SourceRightsDeps {
  readonly em: EntityManager;
  readonly access: Pick<AccessGuard, 'explain' | 'mayNow'>;
  readonly readers: Pick<CatalogReaders, 'of'>;
  readonly facts: Pick<TransformerFacts, 'check'>;
  readonly inputLabels: InputLabels;
}

/** An input of a document that may be read, and which of its fields are in clear. */
interface ReadableInput extends LabelledInput {
  readonly clear: ReadonlySet<string>;
}

/**
 * Decides whether somebody may have a table made of what a document names. It takes the right to read each source and lookup, and
 * nothing that is masked for them may come out of it in clear: a column shows no more to them than what it is made of. Then whoever
 * may not see personal values can still move them, into columns that are as closed to them as these were.
 */
export class SourceRights {
  readonly #deps: SourceRightsDeps;

  constructor(deps: SourceRightsDeps) {
    this.#deps = deps;
  }

  /** Reads a document for an actor, for whom nothing is there that they may not find; `what` names the entrance. */
  async check(
    actor: Actor,
    given: GivenTransformer,
    { isNew, what }: { readonly isNew: boolean; readonly what: string },
  ): Promise<CheckedTransformer> {
    const { facts, readers } = this.#deps;
    const reader = readers.of(actor);
    if (reader.isNarrowed()) {
      const seen = await readAs(reader, () => facts.check(given, { isNew }));
      if (!seen.ok) return seen;
    }
    const checked = await readWhole(() => facts.check(given, { isNew }));
    if (!checked.ok) return checked;
    const issues = await this.#issues(actor, checked, what);
    return issues.length === 0 ? checked : { ok: false, issues };
  }

  /** What stands in the way, by its place in the document. */
  #issues(actor: Actor, known: KnownTransformer, what: string): Promise<readonly SpecIssue[]> {
    return readWhole(async () => {
      const inputs = [...known.sources, ...known.lookups];
      const places = inputsOf(known.spec).map(({ path }) => placeOf(path));
      const hidden = await this.#hidden(actor, inputs);
      const issues: SpecIssue[] = [];
      const readable: (ReadableInput | null)[] = [];
      for (const [index, input] of inputs.entries()) {
        const why = hidden.has(input)
          ? 'There is nothing of that name.'
          : await this.#whyNot(actor, needed[input.kind], what);
        if (why !== null) issues.push(issueAt(places[index] ?? '', why));
        readable.push(why === null ? await this.#readable(actor, input) : null);
      }
      return [...issues, ...this.#deciding(actor, known, readable), ...(await this.#shown(actor, known, readable))];
    });
  }

  async #assert(actor: Actor, known: KnownTransformer, what: string): Promise<void> {
    const [first] = await this.#issues(actor, known, what);
    if (first !== undefined) throw new LinewardError('FORBIDDEN', `${first.path}: ${first.message}`);
  }

  /** Of the newest version of a transformer; of one that cannot be run any more the run itself tells. @throws LinewardError FORBIDDEN */
  async assertNewest(actor: Actor, transformerId: string, what: string): Promise<void> {
    const newest = { orderBy: { number: 'desc' }, limit: 1 } as const;
    const [version] = await this.#deps.em.fork().find(TransformerVersionSchema, { transformerId }, newest);
    if (version === undefined) return;
    const checked = await this.#deps.facts.check(version, { isNew: false });
    if (checked.ok) await this.#assert(actor, checked, what);
  }

  /** Of somebody in whose name it is done later: by the rights of now. @throws LinewardError FORBIDDEN */
  async assertStill(standing: StandingActor, known: KnownTransformer): Promise<void> {
    const roles = await rolesNow(this.#deps.em.fork(), standing);
    await this.#assert({ id: standing.id, kind: standing.kind, roles, requestId: null }, known, 'transformRun');
  }

  async #whyNot(actor: Actor, action: Action, what: string): Promise<string | null> {
    if (await this.#deps.access.mayNow(actor, action, {}, what)) return null;
    return `${actor.id} may not read it: that takes the permission ${action}.`;
  }

  /** Inputs of which the actor may not find the dataset, or the entity. */
  async #hidden(actor: Actor, inputs: readonly SourceFacts[]): Promise<ReadonlySet<SourceFacts>> {
    const seen = async (table: 'dataset' | 'entity', ids: readonly string[]): Promise<ReadonlySet<string>> => {
      const ask = () =>
        this.#deps.em
          .fork()
          .execute<{ id: string }[]>(`select id from ${table} where id = any(?::text[])`, [textArray(ids)]);
      return new Set((await readAs(this.#deps.readers.of(actor), ask)).map(({ id }) => id));
    };
    const [datasets, entities] = await Promise.all([
      seen(
        'dataset',
        inputs.flatMap(({ datasetId }) => datasetId ?? []),
      ),
      seen(
        'entity',
        inputs.map(({ entityId }) => entityId),
      ),
    ]);
    return new Set(
      inputs.filter(
        ({ datasetId, entityId }) => !entities.has(entityId) || (datasetId !== null && !datasets.has(datasetId)),
      ),
    );
  }

  async #readable(actor: Actor, input: SourceFacts): Promise<ReadableInput> {
    const labelled = await this.#deps.inputLabels.of(input);
    const columns = input.fields.map(({ name }) => ({ name, classifications: labelled.classificationsOf(name) }));
    return { ...labelled, clear: await clearColumns(this.#deps.access, actor, { columns, places: labelled.places }) };
  }

  /** By which rows come through, and what is found for them, anybody could ask a masked field for its values. */
  #deciding(
    { id }: Actor,
    { compiled }: KnownTransformer,
    inputs: readonly (ReadableInput | null)[],
  ): readonly SpecIssue[] {
    const asked = compiled.deciding.filter(({ input, field }) => isMasked(inputs[input], field));
    const distinct = new Map(asked.map(({ path, field }) => [`${path} ${field}`, { path, field }]));
    return [...distinct.values()].map(({ path, field }) =>
      issueAt(path, `It is decided by ${field}, which is masked for ${id}: that takes READ_CLEAR.`),
    );
  }

  /** Columns that would show what their sources mask. */
  async #shown(
    actor: Actor,
    { spec, compiled, resource }: KnownTransformer,
    inputs: readonly (ReadableInput | null)[],
  ): Promise<readonly SpecIssue[]> {
    const table = await this.#deps.inputLabels.ofEntity(resource.entityId);
    const columns = compiled.origins.map(({ column, from }) => {
      const values = from.filter(({ isJoin }) => !isJoin);
      const carried = values.flatMap(({ input, field }) => inputs[input]?.labelsOf(field) ?? []);
      const classifications = classificationsOf({
        labels: [...new Set([...table.labelsOf(column), ...carried])],
        namesPersons: compiled.subjectFields.includes(column),
        isDescribed: true,
      });
      return {
        name: column,
        classifications,
        masked: values.filter(({ input, field }) => isMasked(inputs[input], field)),
      };
    });
    const clear = await clearColumns(this.#deps.access, actor, { columns, places: table.places });
    const places = inputsOf(spec).map(({ path }) => placeOf(path));
    return columns.flatMap(({ name, masked }) => {
      const [first] = masked;
      if (first === undefined || !clear.has(name)) return [];
      const why = `Its field ${first.field} is masked for ${actor.id}, and the column ${name} that is made of it would not be: that takes READ_CLEAR.`;
      return [issueAt(places[first.input] ?? '', why)];
    });
  }
}

/** What it takes to read each kind of input. */
const needed: Readonly<Record<SourceFacts['kind'], Action>> = {
  TOPIC: 'READ_REDACTED',
  TABLE: 'READ_LAKE',
  FILES: 'READ_LAKE',
};

/** Of what may not be read at all something else tells. */
const isMasked = (input: ReadableInput | null | undefined, field: string): boolean =>
  input != null && !input.clear.has(field);

const issueAt = (path: string, message: string): SpecIssue => ({ path, code: 'NOT_READABLE', message });
