import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { type CatalogChange, datasetDiff, jobDiff } from '../../domain/lineage/catalog-diff.ts';
import { datasetEvent, dropEvent, jobEvent } from '../../domain/lineage/catalog-event.ts';
import {
  type CatalogDataset,
  type CatalogJob,
  type CatalogLine,
  readCatalogLine,
} from '../../domain/lineage/catalog-line.ts';
import { keyOf, type PlaceName } from '../../domain/lineage/event-value.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { nativeTransaction } from '../sql.ts';
import { keepMembers, knownDatasets, knownJobs, leaveMembers, missingMembers } from './catalog-known.ts';
import { type SayingRow, writeSayings } from './description-writes.ts';
import type { LineageIngestService } from './lineage-ingest.service.ts';

export interface ImportRequest {
  /** Names where it comes from, e.g. `dbt:shop`: what is imported again under it replaces what it said before. */
  readonly source: string;
  /** Changes nothing, and answers what would change. */
  readonly dryRun: boolean;
  /** True where the lines are all that the source has: what it named before and names no longer was dropped there. */
  readonly complete: boolean;
}

/** A line as it came. */
export interface GivenLine {
  readonly line: number;
  readonly value: unknown;
}

/** What becomes of a line, or of a dataset that is named no longer; a line that changes nothing has no answer. */
export interface ImportAnswer {
  readonly line: number | null;
  readonly change: 'ADDED' | 'CHANGED' | 'DROPPED' | 'REFUSED';
  readonly kind: CatalogLine['kind'] | null;
  readonly place: PlaceName | null;
  readonly changes: readonly CatalogChange[];
  /** Why it was refused. */
  readonly error: LinewardError | null;
}

export interface ImportSummary {
  readonly dryRun: boolean;
  readonly added: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly dropped: number;
  readonly refused: number;
}

type Counts = { -readonly [Name in Exclude<keyof ImportSummary, 'dryRun'>]: number };

const sourcePattern = /^[\p{L}\p{N}][\p{L}\p{N}:._/-]{0,199}$/u;

/**
 * Takes what another catalog knows: datasets with their fields and descriptions, and what jobs read and write. It becomes the
 * same as lineage events about it would (ADR 0035), and only where it differs from what is known, so that an import that is
 * repeated, or taken up again after a break, changes nothing twice.
 */
export class CatalogImportService {
  readonly #em: EntityManager;
  readonly #ingest: LineageIngestService;

  constructor(deps: { readonly em: EntityManager; readonly lineageIngest: LineageIngestService }) {
    this.#em = deps.em;
    this.#ingest = deps.lineageIngest;
  }

  /**
   * Answers batch by batch what changes, each once it is committed, and the sum at the end. Lines that do not fit are refused
   * alone; while there is one, nothing is taken as dropped.
   * @throws LinewardError BAD_INPUT for a source that is no name, and a complete import without a dataset.
   */
  async *run(
    actor: Actor,
    request: ImportRequest,
    batches: AsyncIterable<readonly GivenLine[]>,
  ): AsyncGenerator<readonly ImportAnswer[], ImportSummary> {
    if (!sourcePattern.test(request.source))
      throw new LinewardError('BAD_INPUT', 'source: 1 to 200 letters, digits, ":", ".", "_", "/" or "-"', {
        path: ['source'],
      });
    const counts: Counts = { added: 0, changed: 0, unchanged: 0, dropped: 0, refused: 0 };
    const seen = new Set<string>();
    for await (const batch of batches) yield await this.#batch(actor, request, { batch, seen, counts });
    if (request.complete && counts.refused === 0) yield await this.#drop(request, seen, counts);
    if (!request.dryRun) await this.#audited(actor, request, counts);
    return { dryRun: request.dryRun, ...counts };
  }

  async #batch(
    actor: Actor,
    request: ImportRequest,
    { batch, seen, counts }: { batch: readonly GivenLine[]; seen: Set<string>; counts: Counts },
  ): Promise<readonly ImportAnswer[]> {
    const answers: ImportAnswer[] = [];
    const read = batch.flatMap(({ line, value }) => {
      try {
        return [{ line, given: readCatalogLine(value) }];
      } catch (error) {
        answers.push(refusal(line, toLinewardError(error)));
        return [];
      }
    });
    const last = new Map(read.map((one) => [`${one.given.kind}\0${keyOf(one.given.place)}`, one]));
    const datasets = [...last.values()].filter((one): one is Placed<CatalogDataset> => one.given.kind === 'DATASET');
    const jobs = [...last.values()].filter((one): one is Placed<CatalogJob> => one.given.kind === 'JOB');
    for (const { given } of datasets) seen.add(keyOf(given.place));
    answers.push(...(await this.#datasets(actor, request, datasets)), ...(await this.#jobs(request, jobs)));
    for (const { change } of answers) counts[countOf[change]] += 1;
    counts.unchanged += last.size - answers.filter(({ change }) => change !== 'REFUSED').length;
    return answers.sort((one, other) => (one.line ?? 0) - (other.line ?? 0));
  }

  async #datasets(
    actor: Actor,
    { source, dryRun }: ImportRequest,
    lines: readonly Placed<CatalogDataset>[],
  ): Promise<readonly ImportAnswer[]> {
    if (lines.length === 0) return [];
    const saidBy = `import:${source}`;
    const known = await knownDatasets(
      this.#em,
      saidBy,
      lines.map(({ given }) => given.place),
    );
    const diffs = lines.map(({ line, given }) => {
      const diff = datasetDiff(given, known(given.place));
      return { line, given, diff };
    });
    if (!dryRun) {
      const at = new Date();
      const told = diffs.filter(({ diff }) => diff.fields !== null || diff.change === 'ADDED');
      await this.#take(told.map(({ given, diff }) => datasetEvent(given.place, diff.fields, at)));
      // By now all of them are there.
      const ids = await knownDatasets(
        this.#em,
        saidBy,
        lines.map(({ given }) => given.place),
      );
      const rows = diffs.flatMap(({ given, diff }) =>
        diff.sayings.map(
          (saying): SayingRow => ({ ...saying, datasetId: ids(given.place)?.id ?? '', saidAt: at.toISOString() }),
        ),
      );
      await nativeTransaction(
        this.#em,
        async (tx) => {
          await writeSayings(tx, rows, { saidBy, actorId: actor.id });
          await keepMembers(
            tx,
            source,
            lines.map(({ given }) => ids(given.place)?.id ?? ''),
          );
        },
        { without: 'seqscan' },
      );
    }
    return diffs.flatMap(({ line, given, diff: { change, changes } }) =>
      change === 'UNCHANGED' ? [] : [{ line, change, kind: given.kind, place: given.place, changes, error: null }],
    );
  }

  async #jobs({ dryRun }: ImportRequest, lines: readonly Placed<CatalogJob>[]): Promise<readonly ImportAnswer[]> {
    if (lines.length === 0) return [];
    const known = await knownJobs(
      this.#em,
      lines.map(({ given }) => given.place),
    );
    const diffs = lines.map(({ line, given }) => ({ line, given, ...jobDiff(given, known(given.place)) }));
    const told = diffs.filter(({ change }) => change !== 'UNCHANGED');
    const at = new Date();
    if (!dryRun) await this.#take(told.map(({ given }) => jobEvent(given.place, given, at)));
    return told.map(({ line, given, change, changes }): ImportAnswer => {
      return {
        line,
        change: change === 'ADDED' ? 'ADDED' : 'CHANGED',
        kind: given.kind,
        place: given.place,
        changes,
        error: null,
      };
    });
  }

  async #drop(
    { source, dryRun }: ImportRequest,
    seen: ReadonlySet<string>,
    counts: Counts,
  ): Promise<readonly ImportAnswer[]> {
    if (seen.size === 0)
      throw new LinewardError(
        'BAD_INPUT',
        'The import is complete and names no dataset; say complete=false for a part.',
      );
    const gone = await missingMembers(this.#em, source, seen);
    counts.dropped += gone.length;
    if (!dryRun) {
      const at = new Date();
      await this.#take(
        gone
          .filter(({ isElsewhere }) => !isElsewhere)
          .map((place) => dropEvent({ namespace: place.namespace, name: place.name }, at)),
      );
      await leaveMembers(
        this.#em,
        source,
        gone.map(({ id }) => id),
      );
    }
    return gone.map(({ namespace, name }) => {
      const place = { namespace, name };
      return { line: null, change: 'DROPPED', kind: 'DATASET', place, changes: [], error: null };
    });
  }

  async #take(events: readonly object[]): Promise<void> {
    const [refused] = await this.#ingest.take(events.map((value) => ({ value, text: JSON.stringify(value) })));
    if (refused !== undefined) throw refused.error;
  }

  async #audited(actor: Actor, { source, complete }: ImportRequest, counts: Counts): Promise<void> {
    await this.#em.fork().transactional(async (tx) => {
      audit(tx, actor, {
        action: 'importCatalog',
        resourceType: 'Catalog',
        resourceId: source,
        details: { complete, ...counts },
      });
    });
  }
}

interface Placed<Line extends CatalogLine> {
  readonly line: number;
  readonly given: Line;
}

const countOf = { ADDED: 'added', CHANGED: 'changed', DROPPED: 'dropped', REFUSED: 'refused' } as const;

function refusal(line: number, error: LinewardError): ImportAnswer {
  return { line, change: 'REFUSED', kind: null, place: null, changes: [], error };
}
