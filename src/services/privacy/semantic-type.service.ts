import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { canonicalJson } from '../../domain/canonical-json.ts';
import { assertSemanticType, type SemanticType, SemanticTypes } from '../../domain/privacy/semantic-type.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import type { SemanticTypeReadModel } from './semantic-type.read-model.ts';

export interface DefineSemanticType extends Omit<SemanticType, 'version' | 'isBuiltIn'> {
  /** The version that the caller read; 0 for a type that should be new. */
  readonly expectedVersion?: number | undefined;
}

/** Most types that may be defined: each is read with every plan. */
const definedMax = 1_000;

/** Lets people say what their values are and how they are hidden. A change makes a version; streams follow from their next batch on. */
export class SemanticTypeService {
  readonly #em: EntityManager;
  readonly #types: SemanticTypeReadModel;

  constructor(deps: { readonly em: EntityManager; readonly semanticTypes: SemanticTypeReadModel }) {
    this.#em = deps.em;
    this.#types = deps.semanticTypes;
  }

  /**
   * Defines a type, or a further version of it. The same definition again changes nothing.
   * @throws LinewardError BAD_INPUT, ALREADY_EXISTS, CONFLICT when `expectedVersion` is not the newest, LIMIT_EXCEEDED.
   */
  async defineSemanticType(actor: Actor, input: DefineSemanticType): Promise<SemanticType> {
    const { expectedVersion, ...given } = input;
    const wanted = { ...given, name: given.name.trim().toLowerCase(), isBuiltIn: false };
    const defined = await this.#em.fork().transactional(async (tx) => {
      // Two definitions at once could otherwise take the same spelling.
      await tx.execute(`select pg_advisory_xact_lock(hashtextextended('semantic_type', 0))`);
      const rows = await tx.execute<{ definition: SemanticType }[]>('select definition from semantic_type');
      const known = new SemanticTypes(rows.map((row) => row.definition));
      const before = known.find(wanted.name);
      const definition: SemanticType = { ...wanted, version: (before?.version ?? 0) + 1 };
      assertSemanticType(definition, known);
      if (expectedVersion !== undefined && expectedVersion !== (before?.version ?? 0))
        throw new LinewardError('CONFLICT', undefined, { path: ['expectedVersion'] });
      if (before !== null && canonicalJson({ ...before, version: 0 }) === canonicalJson({ ...definition, version: 0 }))
        return before;
      if (before === null && rows.length >= definedMax)
        throw new LinewardError('LIMIT_EXCEEDED', `At most ${definedMax} semantic types can be defined.`);
      await this.#write(tx, actor, definition);
      return definition;
    });
    this.#types.forget();
    return defined;
  }

  async #write(tx: EntityManager, actor: Actor, definition: SemanticType): Promise<void> {
    const { name, version } = definition;
    const json = JSON.stringify(definition);
    await tx.execute(
      `insert into semantic_type (name, version, definition, created_at, updated_at) values (?, ?, ?, now(), now())
       on conflict (name) do update set version = excluded.version, definition = excluded.definition, updated_at = now()`,
      [name, version, json],
    );
    await tx.execute(
      `insert into semantic_type_version (name, version, definition, created_by, created_at) values (?, ?, ?, ?, now())`,
      [name, version, json, actor.id],
    );
    audit(tx, actor, {
      action: 'defineSemanticType',
      resourceType: 'SemanticType',
      resourceId: name,
      details: { version, redaction: definition.redaction.kind, defaultAction: definition.defaultAction },
    });
  }
}
