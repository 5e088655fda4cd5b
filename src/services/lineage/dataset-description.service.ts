import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import {
  type DescriptionPart,
  type DescriptionValue,
  isSameValue,
  type Saying,
} from '../../domain/lineage/description.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { assertPlainText, documentationCharsMax, readLabels } from '../registry/description-text.ts';
import { textArray } from '../sql.ts';
import { writeSayings } from './description-writes.ts';

/** What people say about a dataset or one of its fields. A part that is absent stays as it is; null and nothing take it back. */
export interface DescribeDataset {
  readonly datasetId: string;
  /** Absent for the dataset itself. */
  readonly field?: string | undefined;
  readonly documentation?: string | null | undefined;
  readonly owners?: readonly string[] | null | undefined;
  readonly tags?: readonly string[] | null | undefined;
  /** Names of terms of the glossary. */
  readonly terms?: readonly string[] | null | undefined;
  /** Name of a domain. */
  readonly domain?: string | null | undefined;
  readonly properties?: readonly { readonly name: string; readonly value: string }[] | null | undefined;
}

const propertiesMax = 100;
const propertyCharsMax = 2_000;

/** Keeps what people say about datasets; it stands above what events and imports say, which comes back where it is taken back. */
export class DatasetDescriptionService {
  readonly #em: EntityManager;

  constructor(deps: { readonly em: EntityManager }) {
    this.#em = deps.em;
  }

  /**
   * Changes what people said. A call that changes nothing leaves no trace.
   * @throws LinewardError NOT_FOUND, BAD_INPUT, LIMIT_EXCEEDED
   */
  async describeDataset(actor: Actor, input: DescribeDataset): Promise<void> {
    const path = input.field ?? '';
    const given = partsOf(input);
    await this.#em.fork().transactional(async (tx) => {
      const [dataset] = await tx.execute('select 1 from dataset where id = ? for no key update', [input.datasetId]);
      if (dataset === undefined)
        throw new LinewardError('NOT_FOUND', 'datasetId: there is no such dataset', { path: ['datasetId'] });
      if (path !== '') await assertField(tx, input.datasetId, path);
      const rows = await tx.execute<{ part: DescriptionPart; value: DescriptionValue | null }[]>(
        `select part, value from dataset_description where dataset_id = ? and path = ? and said_by = 'people'`,
        [input.datasetId, path],
      );
      const before = new Map(rows.map(({ part, value }) => [part, value]));
      const changed = given.filter(({ part, value }) => !isSameValue(before.get(part) ?? null, value));
      if (changed.length === 0) return;
      await assertWords(tx, changed);
      const saidAt = new Date().toISOString();
      const sayings: readonly Saying[] = changed.map(({ part, value }) => ({ path, part, value }));
      await writeSayings(
        tx,
        sayings.map((saying) => ({ ...saying, datasetId: input.datasetId, saidAt })),
        { saidBy: 'people', actorId: actor.id },
      );
      audit(tx, actor, {
        action: 'describeDataset',
        resourceType: 'Dataset',
        resourceId: input.datasetId,
        details: { path, changed: changed.map(({ part }) => part) },
      });
    });
  }
}

interface GivenPart {
  readonly part: DescriptionPart;
  readonly value: DescriptionValue | null;
}

function partsOf(input: DescribeDataset): readonly GivenPart[] {
  const { field, documentation, owners, tags, terms, domain, properties } = input;
  for (const [part, value] of Object.entries({ owners, properties, domain }))
    if (field !== undefined && value !== undefined)
      throw new LinewardError('BAD_INPUT', `${part}: a field has documentation, tags and terms; leave ${part} away`, {
        path: [part],
      });
  if (typeof documentation === 'string')
    assertPlainText(documentation, { path: ['documentation'], charsMax: documentationCharsMax, lines: true });
  const labels = (part: 'owners' | 'tags' | 'terms', given: readonly string[] | null | undefined): GivenPart[] => {
    if (given === undefined) return [];
    const value = readLabels(given ?? [], part);
    return [{ part, value: value.length === 0 ? null : value }];
  };
  return [
    ...(documentation === undefined
      ? []
      : [{ part: 'documentation' as const, value: documentation?.trim() ? documentation : null }]),
    ...labels('owners', owners),
    ...labels('tags', tags),
    ...labels('terms', terms),
    ...(domain === undefined ? [] : [{ part: 'domain' as const, value: domain?.trim() ? domain.trim() : null }]),
    ...(properties === undefined ? [] : [{ part: 'properties' as const, value: readProperties(properties ?? []) }]),
  ];
}

function readProperties(
  given: readonly { readonly name: string; readonly value: string }[],
): Readonly<Record<string, string>> | null {
  if (given.length > propertiesMax)
    throw new LinewardError('LIMIT_EXCEEDED', `properties: at most ${propertiesMax}`, { path: ['properties'] });
  const names = readLabels(
    given.map(({ name }) => name),
    'properties',
  );
  if (names.length < given.length)
    throw new LinewardError('BAD_INPUT', 'properties: each name once', { path: ['properties'] });
  for (const [index, { value }] of given.entries())
    assertPlainText(value, { path: ['properties', String(index), 'value'], charsMax: propertyCharsMax, lines: true });
  return given.length === 0 ? null : Object.fromEntries(given.map(({ value }, index) => [names[index] ?? '', value]));
}

/** People name what is defined: a word that is misspelt would be found by nobody. */
async function assertWords(tx: EntityManager, given: readonly GivenPart[]): Promise<void> {
  for (const { part, value } of given) {
    if ((part !== 'terms' && part !== 'domain') || value === null) continue;
    const names = Array.isArray(value) ? (value as readonly string[]) : [String(value)];
    const rows = await tx.execute<{ name: string }[]>(
      'select name from vocabulary where kind = ? and name = any(?::text[]) for key share',
      [part === 'terms' ? 'TERM' : 'DOMAIN', textArray(names)],
    );
    const known = new Set(rows.map(({ name }) => name));
    const index = names.findIndex((name) => !known.has(name));
    if (index < 0) continue;
    const path = part === 'domain' ? [part] : [part, String(index)];
    throw new LinewardError('NOT_FOUND', `${path.join('.')}: nobody has defined it; define it first`, { path });
  }
}

async function assertField(tx: EntityManager, datasetId: string, path: string): Promise<void> {
  const found = await tx.execute('select 1 from dataset_field where dataset_id = ? and path = ?', [datasetId, path]);
  if (found.length === 0)
    throw new LinewardError('NOT_FOUND', 'field: no event speaks of such a field of the dataset', { path: ['field'] });
}
