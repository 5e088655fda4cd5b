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
import { writeSayings } from './description-writes.ts';

/** What people say about a dataset or one of its fields. A part that is absent stays as it is; null and nothing take it back. */
export interface DescribeDataset {
  readonly datasetId: string;
  /** Absent for the dataset itself. */
  readonly field?: string | undefined;
  readonly documentation?: string | null | undefined;
  readonly owners?: readonly string[] | null | undefined;
  readonly tags?: readonly string[] | null | undefined;
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

function partsOf({ field, documentation, owners, tags, properties }: DescribeDataset): readonly GivenPart[] {
  for (const [part, value] of Object.entries({ owners, properties }))
    if (field !== undefined && value !== undefined)
      throw new LinewardError('BAD_INPUT', `${part}: a field has documentation and tags; leave ${part} away`, {
        path: [part],
      });
  if (typeof documentation === 'string')
    assertPlainText(documentation, { path: ['documentation'], charsMax: documentationCharsMax, lines: true });
  const labels = (part: 'owners' | 'tags', given: readonly string[] | null | undefined): GivenPart[] => {
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

async function assertField(tx: EntityManager, datasetId: string, path: string): Promise<void> {
  const found = await tx.execute('select 1 from dataset_field where dataset_id = ? and path = ?', [datasetId, path]);
  if (found.length === 0)
    throw new LinewardError('NOT_FOUND', 'field: no event speaks of such a field of the dataset', { path: ['field'] });
}
