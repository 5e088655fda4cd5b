import { hash } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { assertRange } from '../../domain/assert-range.ts';
import { canonicalJson } from '../../domain/canonical-json.ts';
import type {
  ReportName,
  ReportPage,
  ReportRange,
  ReportRow,
  ReportStatement,
} from '../../domain/governance/report.ts';
import type { SignedStatement } from '../../domain/signed-statement.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import type { Notary } from '../operations/ports.ts';
import { poolOf } from '../sql.ts';
import { reportQueries } from './report-queries.ts';

/** A report is whole in memory, because its digest goes ahead of it. */
const rowsMax = 100_000;

interface Part {
  readonly limit: number;
  readonly offset: number;
}

/** Rows that are looked at at a time. */
const pageMax = 1_000;

/** Prints the rows of a report. */
export type PrintReport = (columns: readonly string[], rows: readonly ReportRow[]) => string;

/** Makes the reports that auditors ask for, as text that this installation answers for. */
export class ReportService {
  readonly #em: EntityManager;
  readonly #notary: Pick<Notary, 'sign'>;

  constructor(deps: { readonly em: EntityManager; readonly notary: Pick<Notary, 'sign'> }) {
    this.#em = deps.em;
    this.#notary = deps.notary;
  }

  /**
   * The text of a report and a signed statement with its digest; that somebody read it is an audit event.
   * @throws LinewardError LIMIT_EXCEEDED for more than 100,000 rows: narrow `from` and `to`.
   */
  async report(
    actor: Actor,
    { name, range, print }: { readonly name: ReportName; readonly range: ReportRange; readonly print: PrintReport },
  ): Promise<{ readonly text: string; readonly statement: SignedStatement<ReportStatement> }> {
    const { columns, rows } = await this.#rows(name, range, { limit: rowsMax + 1, offset: 0 });
    if (rows.length > rowsMax)
      throw new LinewardError('LIMIT_EXCEEDED', `from: the report has more than ${rowsMax} rows; narrow from and to`, {
        path: ['from'],
      });
    const text = print(columns, rows);
    await this.#tell(actor, { name, range, rows: rows.length });
    const body: ReportStatement = {
      ...{ type: 'lineward.report', version: 1, name },
      ...{ at: new Date().toISOString(), from: textOf(range.from), to: textOf(range.to) },
      ...{ rows: rows.length, sha256: hash('sha256', text) },
    };
    return { text, statement: { body, ...this.#notary.sign(canonicalJson(body)) } };
  }

  /** A part of a report to look at; that somebody read it is an audit event. */
  async page(
    actor: Actor,
    { name, range, ...part }: { readonly name: ReportName; readonly range: ReportRange } & Part,
  ): Promise<ReportPage> {
    assertRange('limit', part.limit, 1, pageMax);
    assertRange('offset', part.offset, 0, rowsMax);
    const { columns, rows } = await this.#rows(name, range, { ...part, limit: part.limit + 1 });
    const shown = rows.slice(0, part.limit);
    await this.#tell(actor, { name, range, rows: shown.length });
    return { columns, rows: shown, hasMore: rows.length > shown.length };
  }

  #tell(
    actor: Actor,
    { name, range, rows }: { readonly name: ReportName; readonly range: ReportRange; readonly rows: number },
  ): Promise<void> {
    return this.#em.fork().transactional(async (tx) => {
      audit(tx, actor, {
        action: 'readReport',
        resourceType: 'Report',
        resourceId: name,
        details: { rows, from: textOf(range.from), to: textOf(range.to) },
      });
    });
  }

  async #rows(
    name: ReportName,
    { from, to }: ReportRange,
    { limit, offset }: Part,
  ): Promise<{ readonly columns: readonly string[]; readonly rows: readonly ReportRow[] }> {
    const pool = await poolOf(this.#em);
    const { sql, isRanged } = reportQueries[name];
    const { rows, fields } = await pool.query({
      text: `select * from (${sql}) report limit ${limit} offset ${offset}`,
      values: isRanged ? [textOf(from), textOf(to)] : [],
    });
    const columns: readonly Column[] = fields;
    return {
      columns: columns.map((column) => column.name),
      rows: rows.map((row: ReportRow) => shown(columns, row)),
    };
  }
}

const textOf = (at: Date | null): string | null => at?.toISOString() ?? null;

interface Column {
  readonly name: string;
  readonly dataTypeID: number;
}

/** The type `timestamptz` of PostgreSQL, which the ORM leaves as the database writes it. */
const instantType = 1184;

function shown(columns: readonly Column[], row: ReportRow): ReportRow {
  return Object.fromEntries(
    columns.map(({ name, dataTypeID }) => {
      const value = row[name] ?? null;
      return [name, dataTypeID === instantType && value !== null ? new Date(String(value)).toISOString() : value];
    }),
  );
}
