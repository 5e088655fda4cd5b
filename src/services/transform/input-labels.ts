import type { EntityManager } from '@mikro-orm/postgresql';
import type { SourceFacts } from '../../domain/transform/spec-facts.ts';
import { readWhole } from '../access/reader.ts';
import { classificationsOf, type ReadPlace } from '../lake-reads/clear-columns.ts';
import type { LabelReadModel } from '../lineage/label.read-model.ts';

/** What is said of the fields of an entity, in its newest version, by path; nothing in an empty list. */
type Labels = ReadonlyMap<string, readonly string[]>;

/** A source or a lookup by the names that policies call it, all of which count, and by what is said of its fields. */
export interface LabelledInput {
  readonly places: readonly ReadPlace[];
  /** Labels of a field and of all inside of it, which goes with it. */
  labelsOf(field: string): readonly string[];
  /** What the field counts as where it has no label, too. */
  classificationsOf(field: string): readonly string[];
}

/** Finds what is said of the fields of what transformers read and make: by all who have a say, whoever asks. */
export class InputLabels {
  readonly #deps: {
    readonly em: EntityManager;
    readonly labels: Pick<LabelReadModel, 'labelsOf'>;
    readonly kafkaNamespace: string;
  };

  constructor(deps: {
    readonly em: EntityManager;
    readonly labels: Pick<LabelReadModel, 'labelsOf'>;
    readonly kafkaNamespace: string;
  }) {
    this.#deps = deps;
  }

  of({ kind, datasetId, entityId, place, subjectFields }: SourceFacts): Promise<LabelledInput> {
    return readWhole(async () => {
      const entities = await this.#entities(datasetId, entityId);
      const carried = datasetId === null ? [] : [await this.#deps.labels.labelsOf(datasetId)];
      const said = joined([...entities.map((entity) => entity.said), ...carried]);
      const described = [...new Set(entities.flatMap((entity) => [...entity.said.keys()]))];
      return {
        // Topics are known by their own names, tables and files by what is in them.
        places: kind === 'TOPIC' ? await this.#topicNames(place.name, datasetId) : entities.map(placeOf),
        labelsOf: (field: string) => below(said, field),
        classificationsOf: (field: string) =>
          classificationsOf({
            labels: below(said, field),
            namesPersons: subjectFields.includes(field),
            isDescribed: described.some((path) => isWithin(path, field)),
          }),
      };
    });
  }

  /** What is said of the columns of a table that is made, beside what comes along with their values. */
  ofEntity(id: string): Promise<Pick<LabelledInput, 'places' | 'labelsOf'>> {
    return readWhole(async () => {
      const entity = await this.#entity(id);
      return { places: [placeOf(entity)], labelsOf: (field: string) => below(entity.said, field) };
    });
  }

  /** All of a dataset have a say, whichever it was asked for by. */
  async #entities(datasetId: string | null, entityId: string): Promise<readonly SpokenEntity[]> {
    const rows =
      datasetId === null
        ? []
        : await this.#deps.em
            .fork()
            .execute<{ id: string }[]>(
              'select entity_id as id from mapping where dataset_id = ? order by created_at, id',
              [datasetId],
            );
    const ids = new Set([entityId, ...rows.map(({ id }) => id)]);
    return Promise.all([...ids].map((id) => this.#entity(id)));
  }

  /** A topic that was rewritten is no clearer under its new name than it was before. */
  async #topicNames(name: string, datasetId: string | null): Promise<readonly ReadPlace[]> {
    const rows = await this.#deps.em
      .fork()
      .execute<{ name: string }[]>('select name from topic_alias where dataset_id = ?', [datasetId]);
    return [{ name }, ...rows].map((one) => ({ namespace: this.#deps.kafkaNamespace, name: one.name }));
  }

  async #entity(id: string): Promise<SpokenEntity> {
    const rows = await this.#deps.em.fork().execute<EntityRow[]>(
      `select namespace, name, path, classifications from entity left join entity_field
         on version_id = latest_version_id where entity.id = ?`,
      [id],
    );
    const { namespace = '', name = '' } = rows[0] ?? {};
    const said = rows.flatMap(({ path, classifications }) => (path === null ? [] : [[path, classifications] as const]));
    return { namespace, name, said: new Map(said) };
  }
}

interface SpokenEntity extends ReadPlace {
  readonly said: Labels;
}

interface EntityRow {
  readonly namespace: string;
  readonly name: string;
  /** Null for an entity without a version. */
  readonly path: string | null;
  readonly classifications: readonly string[];
}

const placeOf = ({ namespace, name }: ReadPlace): ReadPlace => ({ namespace, name });

function joined(all: readonly Labels[]): Labels {
  const paths = new Set(all.flatMap((labels) => [...labels.keys()]));
  return new Map([...paths].map((path) => [path, all.flatMap((labels) => labels.get(path) ?? [])]));
}

const isWithin = (path: string, field: string): boolean =>
  path === field || [`${field}.`, `${field}[`].some((start) => path.startsWith(start));

function below(labels: Labels, field: string): readonly string[] {
  const within = [...labels].filter(([path]) => isWithin(path, field));
  return [...new Set(within.flatMap(([, all]) => all))];
}
