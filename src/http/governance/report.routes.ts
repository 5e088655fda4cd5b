import { stringify } from 'csv-stringify/sync';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type Framework, frameworks } from '../../domain/governance/evidence.ts';
import {
  type ReportName,
  type ReportRange,
  type ReportRow,
  reportNames,
  reports,
} from '../../domain/governance/report.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { EvidenceService } from '../../services/governance/evidence.service.ts';
import type { ReportService } from '../../services/governance/report.service.ts';
import { zipOf } from '../zip.ts';

const instant = z.iso
  .datetime({ offset: true })
  .or(z.iso.date())
  .transform((text) => new Date(text));
const reportQuery = z.object({ from: instant.optional(), to: instant.optional() });

/**
 * `GET /api/v1/reports` lists the reports; `GET /api/v1/reports/{name}?from=&to=` answers one as CSV, with a signed statement of its
 * digest in the header `x-lineward-statement`: base64 of `{body, signature, publicKey}`. `GET /api/v1/evidence/{framework}?from=&to=`
 * answers a zip archive of the reports that a framework asks for, the sealed audit log and a signed manifest.
 */
export function reportRoutes(
  server: FastifyInstance,
  deps: { readonly reportService: ReportService; readonly evidenceService: EvidenceService },
): void {
  server.get('/api/v1/reports', { config: { action: 'READ_AUDIT' } }, (_request, reply) =>
    reply.send({ reports: reportNames.map((name) => ({ name, about: reports[name] })) }),
  );
  server.get<{ Params: { name: string } }>(
    '/api/v1/reports/:name',
    { config: { action: 'READ_AUDIT' } },
    async (request, reply) => {
      const name = namedReport(request.params.name);
      const range = rangeOf(request.query);
      const { text, statement } = await deps.reportService.report(request.actor, { name, range, print });
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', `attachment; filename="${name}.csv"`)
        .header('x-lineward-statement', Buffer.from(JSON.stringify(statement)).toString('base64'))
        .send(text);
    },
  );
  server.get<{ Params: { framework: string } }>(
    '/api/v1/evidence/:framework',
    { config: { action: 'READ_AUDIT' } },
    (request, reply) => {
      const framework = namedFramework(request.params.framework);
      const range = rangeOf(request.query);
      return reply
        .type('application/zip')
        .header('content-disposition', `attachment; filename="evidence-${framework}.zip"`)
        .send(zipOf(deps.evidenceService.files(request.actor, { framework, range, print })));
    },
  );
}

function rangeOf(given: unknown): ReportRange {
  const query = reportQuery.safeParse(given);
  if (query.success) return { from: query.data.from ?? null, to: query.data.to ?? null };
  const path = query.error.issues[0]?.path.map(String) ?? [];
  throw new LinewardError('BAD_INPUT', `${path.join('.')}: must be a date or an instant, e.g. 2026-01-31`, { path });
}

function namedFramework(given: string): Framework {
  const framework = frameworks.find((one) => one === given);
  if (framework !== undefined) return framework;
  throw new LinewardError('NOT_FOUND', `There is no such evidence; there is ${frameworks.join(', ')}.`);
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
