import type { EntityManager } from '@mikro-orm/postgresql';
import { z } from 'zod';
import type { Page, PageRequest } from '../../domain/page.ts';
import { protectionActions } from '../../domain/privacy/protection-action.ts';
import type { RedactionRule } from '../../domain/privacy/redaction-rule.ts';
import { derivedPolicies, type SemanticType, SemanticTypes } from '../../domain/privacy/semantic-type.ts';
import { readWhole } from '../access/reader.ts';
import { keysetPage } from '../keyset-page.ts';

/** How long a definition of another process may go unnoticed. */
const staleMsMax = 1_000;

const redactionRule: z.ZodType<RedactionRule> = z.discriminatedUnion('kind', [
  z.object({ kind: z.enum(['BUILT_IN', 'TOKEN', 'NULL']) }),
  z.object({ kind: z.enum(['KEEP_FIRST', 'KEEP_LAST']), count: z.number(), filler: z.string() }),
  z.object({ kind: z.literal('LAYOUT'), layout: z.string() }),
  z.object({ kind: z.literal('CONSTANT'), text: z.string() }),
]);
const semanticType: z.ZodType<SemanticType> = z.object({
  name: z.string(),
  version: z.number(),
  isBuiltIn: z.boolean(),
  aliases: z.array(z.string()),
  classifications: z.array(z.string()),
  defaultAction: z.enum(protectionActions),
  redaction: redactionRule,
  derivedPolicy: z.enum(derivedPolicies),
  description: z.string(),
});
const row = z.object({ definition: semanticType }).transform(({ definition }) => definition);

/** What values can be: the types of the product and those that were defined here. */
export class SemanticTypeReadModel {
  readonly #em: EntityManager;
  #known: { readonly types: Promise<SemanticTypes>; readonly readAtMs: number } | null = null;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /** All types, at most a second old; the process that defines one knows it at once. */
  known(): Promise<SemanticTypes> {
    const nowMs = performance.now();
    if (this.#known === null || nowMs - this.#known.readAtMs > staleMsMax) {
      // Kept for all, whoever asked first.
      const types = readWhole(() => this.#read());
      this.#known = { types, readAtMs: nowMs };
      types.catch(() => this.forget());
    }
    return this.#known.types;
  }

  /** Makes the next `known` read again. */
  forget(): void {
    this.#known = null;
  }

  async #read(): Promise<SemanticTypes> {
    const rows = await this.#em.fork().execute('select definition from semantic_type order by name');
    return new SemanticTypes(rows.map((one) => row.parse(one)));
  }

  /** One list of all types by name. */
  semanticTypes(request: PageRequest): Promise<Page<SemanticType>> {
    const builtIn = new SemanticTypes().all.map((definition) => ({ name: definition.name, definition }));
    return keysetPage(this.#em.fork(), {
      table: {
        sql: `(select name, definition from jsonb_to_recordset(?::jsonb) as built_in (name text, definition jsonb)
               union all select name, definition from semantic_type) semantic_types`,
        params: [JSON.stringify(builtIn)],
      },
      order: [{ column: 'name', type: 'text' }],
      request,
      parse: (one) => row.parse(one),
    });
  }

  /** The versions of a type that was defined here, newest first. */
  versions(name: string, request: PageRequest): Promise<Page<SemanticType>> {
    return keysetPage(this.#em.fork(), {
      table: 'semantic_type_version',
      where: { sql: 'name = ?', params: [name] },
      order: [{ column: 'version', type: 'integer', descending: true }],
      request,
      parse: (one) => row.parse(one),
    });
  }
}
