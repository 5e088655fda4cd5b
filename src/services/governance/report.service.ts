import { hash } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { canonicalJson } from '../../domain/canonical-json.ts';
import type { ReportName, ReportRange, ReportStatement } from '../../domain/governance/report.ts';
import type { SignedStatement } from '../../domain/signed-statement.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import type { Notary } from '../operations/ports.ts';
import { poolOf } from '../sql.ts';
import { reportQueries } from './report-queries.ts';

/** A report is whole in memory, because its digest goes ahead of it. */
const rowsMax = 100_000;

type Cell = string | number | boolean | null;
export type ReportRow = Readonly<Record<string, Cell>>;

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
    const { columns, rows } = await this.#rows(name, range);
    const text = print(columns, rows);
    await this.#em.fork().transactional(async (tx) => {
      audit(tx, actor, {
        action: 'readReport',
        resourceType: 'Report',
        resourceId: name,
        details: { rows: rows.length, from: textOf(range.from), to: textOf(range.to) },
      });
    });
    const body: ReportStatement = {
      ...{ type: 'lineward.report', version: 1, name },
      ...{ at: new Date().toISOString(), from: textOf(range.from), to: textOf(range.to) },
      ...{ rows: rows.length, sha256: hash('sha256', text) },
    };
    return { text, statement: { body, ...this.#notary.sign(canonicalJson(body)) } };
  }

  async #rows(
    name: ReportName,
    { from, to }: ReportRange,
  ): Promise<{ readonly columns: readonly string[]; readonly rows: readonly ReportRow[] }> {
    const pool = await poolOf(this.#em);
    const { sql, isRanged } = reportQueries[name];
    const { rows, fields } = await pool.query({
      text: `select * from (${sql}) report limit ${rowsMax + 1}`,
      values: isRanged ? [textOf(from), textOf(to)] : [],
    });
    if (rows.length > rowsMax)
      throw new LinewardError('LIMIT_EXCEEDED', `from: the report has more than ${rowsMax} rows; narrow from and to`, {
        path: ['from'],
      });
    const columns: readonly Column[] = fields;
    return {
      columns: columns.map((column) => column.name),
      rows: rows.map((row: Readonly<Record<string, Cell>>) => shown(columns, row)),
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

function shown(columns: readonly Column[], row: Readonly<Record<string, Cell>>): ReportRow {
  return Object.fromEntries(
    columns.map(({ name, dataTypeID }) => {
      const value = row[name] ?? null;
      return [name, dataTypeID === instantType && value !== null ? new Date(String(value)).toISOString() : value];
    }),
  );
}
