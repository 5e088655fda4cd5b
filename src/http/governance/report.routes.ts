import { stringify } from 'csv-stringify/sync';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type ReportName, reportNames, reports } from '../../domain/governance/report.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { ReportRow, ReportService } from '../../services/governance/report.service.ts';

const instant = z.iso
  .datetime({ offset: true })
  .or(z.iso.date())
  .transform((text) => new Date(text));
const reportQuery = z.object({ from: instant.optional(), to: instant.optional() });

/**
 * `GET /api/v1/reports` lists the reports; `GET /api/v1/reports/{name}?from=&to=` answers one as CSV, with a signed statement of its
 * digest in the header `x-lineward-statement`: base64 of `{body, signature, publicKey}`.
 */
export function reportRoutes(server: FastifyInstance, deps: { readonly reportService: ReportService }): void {
  server.get('/api/v1/reports', { config: { action: 'READ_AUDIT' } }, (_request, reply) =>
    reply.send({ reports: reportNames.map((name) => ({ name, about: reports[name] })) }),
  );
  server.get<{ Params: { name: string } }>(
    '/api/v1/reports/:name',
    { config: { action: 'READ_AUDIT' } },
    async (request, reply) => {
      const name = namedReport(request.params.name);
      const query = reportQuery.safeParse(request.query);
      if (!query.success)
        throw new LinewardError(
          'BAD_INPUT',
          `${query.error.issues[0]?.path.join('.')}: must be a date or an instant, e.g. 2026-01-31`,
          {
            path: query.error.issues[0]?.path.map(String) ?? [],
          },
        );
      const { from = null, to = null } = query.data;
      const { text, statement } = await deps.reportService.report(request.actor, { name, range: { from, to }, print });
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', `attachment; filename="${name}.csv"`)
        .header('x-lineward-statement', Buffer.from(JSON.stringify(statement)).toString('base64'))
        .send(text);
    },
  );
}

function namedReport(given: string): ReportName {
  const name = reportNames.find((one) => one === given);
  if (name !== undefined) return name;
  throw new LinewardError('NOT_FOUND', `There is no such report; there are ${reportNames.join(', ')}.`);
}

/** Cells that a spreadsheet would take for formulas are marked as texts: names in them come from anybody. */
function print(columns: readonly string[], rows: readonly ReportRow[]): string {
  return stringify(
    rows.map((row) => columns.map((column) => row[column])),
    { header: true, columns: [...columns], escape_formulas: true, cast: { boolean: String } },
  );
}
