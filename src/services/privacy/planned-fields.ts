import type { ProtectedField } from '../../domain/privacy/protection-input.ts';
import { labelFields } from '../../domain/registry/labels.ts';
import { defaultContext } from '../../domain/registry/subject-name.ts';
import type { EntityField, EntityVersion } from '../../entities/entity-version.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { SchemaStore } from '../registry/schema-store.ts';
import type { SemanticTypeReadModel } from './semantic-type.read-model.ts';

type KnownFields = readonly Pick<EntityField, 'path' | 'nullable' | 'semanticType' | 'shape'>[];

/**
 * The fields of versions as plans need them. A version that was registered before the catalog kept where records lie inside
 * themselves, and what branches and elements say, is read again from its schema: what the catalog says of it would let those
 * parts pass.
 */
export class PlannedFields {
  readonly #store: SchemaStore;
  readonly #types: SemanticTypeReadModel;

  constructor(deps: { readonly schemaStore: SchemaStore; readonly semanticTypes: SemanticTypeReadModel }) {
    this.#store = deps.schemaStore;
    this.#types = deps.semanticTypes;
  }

  /** @throws LinewardError SCHEMA_NOT_FOUND, SCHEMA_INVALID for an old version whose schema cannot be read any more. */
  async of({ schemaId }: Pick<EntityVersion, 'schemaId'>, fields: KnownFields): Promise<readonly ProtectedField[]> {
    const whole = fields.flatMap(({ shape, ...field }) => (shape === null ? [] : [{ ...field, ...shape }]));
    if (whole.length === fields.length) return whole;
    const stored = await this.#store.byId(defaultContext, schemaId);
    if (stored === null) throw new LinewardError('SCHEMA_NOT_FOUND');
    const parsed = await this.#store.parsed(stored);
    const { namespace = '', name = '' } = parsed.record ?? {};
    const types = await this.#types.known();
    const read = labelFields(parsed.fields, {
      record: namespace === '' ? name : `${namespace}.${name}`,
      metadata: stored.metadata,
      semanticTypeOf: types.find,
    });
    return joined(fields, read);
  }
}

const nothingMore = { otherTypes: [], recurrences: [], plainAt: [] };

/** Both are heard: what the catalog says of a field was true when it was registered. */
function joined(known: KnownFields, fields: readonly ProtectedField[]): readonly ProtectedField[] {
  const readPaths = new Set(fields.map(({ path }) => path));
  const typeOf = new Map(known.map(({ path, semanticType }) => [path, semanticType]));
  const gone = known.filter(({ path }) => !readPaths.has(path)).map((field) => ({ ...field, ...nothingMore }));
  const both = fields.map((field) => {
    const type = typeOf.get(field.path) ?? field.semanticType;
    const read = field.semanticType === null ? field.otherTypes : [field.semanticType, ...field.otherTypes];
    return { ...field, semanticType: type, otherTypes: read.filter((other) => other !== type) };
  });
  return [...both, ...gone];
}
