import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import type { DatasetField } from '../../domain/lineage/graph.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { recordValues } from '../changes/value-history.ts';
import { keepingScopes } from '../governance/kept-scopes.ts';
import type { SemanticTypeReadModel } from '../privacy/semantic-type.read-model.ts';
import { textArray } from '../sql.ts';
import type { DatasetFieldReadModel } from './dataset-field.read-model.ts';

export interface LabelField {
  readonly datasetId: string;
  readonly path: string;
  /** Absent takes it away. */
  readonly semanticType?: string | undefined;
  /** Beside those of the semantic type. */
  readonly classifications: readonly string[];
}

/** Keeps what people say the fields of datasets hold; where it goes from there follows from lineage. */
export class FieldLabelService {
  readonly #em: EntityManager;
  readonly #semanticTypes: SemanticTypeReadModel;
  readonly #fields: DatasetFieldReadModel;

  constructor(deps: {
    readonly em: EntityManager;
    readonly semanticTypes: SemanticTypeReadModel;
    readonly datasetFields: DatasetFieldReadModel;
  }) {
    this.#em = deps.em;
    this.#semanticTypes = deps.semanticTypes;
    this.#fields = deps.datasetFields;
  }

  /**
   * Sets the labels of a field to these; none takes away what was set. The same again leaves no trace.
   * @throws LinewardError NOT_FOUND, SEMANTIC_TYPE_UNKNOWN, BAD_INPUT; HOLD_ACTIVE and RETENTION_LOCKED where a scope would not name the
   * dataset any more
   */
  async labelField(actor: Actor, input: LabelField): Promise<DatasetField> {
    assertClassifications(input.classifications);
    const type = await this.#semanticType(input.semanticType);
    const classifications = [...new Set([...(type?.classifications ?? []), ...input.classifications])].sort();
    await this.#em.fork().transactional(async (tx) => {
      const [field] = await tx.execute<{ id: string }[]>(
        'select id from dataset_field where dataset_id = ? and path = ? for update',
        [input.datasetId, input.path],
      );
      if (field === undefined)
        throw new LinewardError('NOT_FOUND', 'field: no event speaks of such a field of the dataset', {
          path: ['field'],
        });
      const given = { semanticType: type?.name ?? null, classifications, actorId: actor.id };
      const before = await labelOf(tx, field.id);
      const changed = await keepingScopes(tx, ['classifications'], () => writeLabels(tx, field.id, given));
      if (changed) {
        const label = [before, await labelOf(tx, field.id)] as const;
        await recordValues(tx, actor, { type: 'DatasetField', id: field.id, parts: { label } });
        audit(tx, actor, {
          action: 'labelDatasetField',
          resourceType: 'Dataset',
          resourceId: input.datasetId,
          details: { path: input.path, semanticType: type?.name ?? null, classifications },
        });
      }
    });
    const field = await this.#fields.ofPath(input.datasetId, input.path);
    if (field === null) throw new LinewardError('INTERNAL', 'a field that was labelled is not there');
    return field;
  }

  async #semanticType(name: string | undefined) {
    if (name === undefined) return null;
    const type = (await this.#semanticTypes.known()).find(name);
    if (type !== null) return type;
    throw new LinewardError('SEMANTIC_TYPE_UNKNOWN', 'semanticType: no type of this name is defined', {
      path: ['semanticType'],
    });
  }
}

function assertClassifications(given: readonly string[]): void {
  if (given.length <= 20 && given.every((one) => /^[A-Z][A-Z0-9_]{0,49}$/.test(one))) return;
  throw new LinewardError('BAD_INPUT', 'classifications: at most 20, each of capital letters, digits and "_"', {
    path: ['classifications'],
  });
}

async function labelOf(tx: EntityManager, fieldId: string): Promise<object | null> {
  const [label] = await tx.execute<object[]>(
    'select semantic_type as "semanticType", classifications from dataset_field_label where field_id = ?',
    [fieldId],
  );
  return label ?? null;
}

/** Answers whether anything changed. */
async function writeLabels(
  tx: EntityManager,
  fieldId: string,
  given: {
    readonly semanticType: string | null;
    readonly classifications: readonly string[];
    readonly actorId: string;
  },
): Promise<boolean> {
  if (given.semanticType === null && given.classifications.length === 0) {
    const gone = await tx.execute('delete from dataset_field_label where field_id = ? returning field_id', [fieldId]);
    return gone.length > 0;
  }
  const written = await tx.execute(
    `insert into dataset_field_label (field_id, semantic_type, classifications, set_by, set_at) values (?, ?, ?::text[], ?, now())
     on conflict (field_id) do update set semantic_type = excluded.semantic_type, classifications = excluded.classifications,
       set_by = excluded.set_by, set_at = excluded.set_at
     where (dataset_field_label.semantic_type, dataset_field_label.classifications)
       is distinct from (excluded.semantic_type, excluded.classifications)
     returning field_id`,
    [fieldId, given.semanticType, textArray(given.classifications), given.actorId],
  );
  return written.length > 0;
}
