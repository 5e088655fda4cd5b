import { createHash } from 'node:crypto';
import type { Actor } from '../../domain/access/actor.ts';
import { canonicalJson } from '../../domain/canonical-json.ts';
import {
  auditFile,
  type EvidenceManifest,
  evidenceFor,
  type Framework,
  manifestFile,
} from '../../domain/governance/evidence.ts';
import type { ReportRange } from '../../domain/governance/report.ts';
import type { AuditExport } from '../audit/audit-export.ts';
import type { Notary } from '../operations/ports.ts';
import type { PrintReport, ReportService } from './report.service.ts';

/** A file of a bundle. Its content has to be read to the end before the next file is asked for. */
export interface EvidenceFile {
  readonly name: string;
  readonly content: AsyncIterable<Uint8Array>;
}

type Listed = EvidenceManifest['files'][number];

/** Gathers what an auditor asks for under one framework, as files that one signed manifest answers for. */
export class EvidenceService {
  readonly #reports: ReportService;
  readonly #auditExport: AuditExport;
  readonly #notary: Pick<Notary, 'sign'>;

  constructor(deps: {
    readonly reportService: ReportService;
    readonly auditExport: AuditExport;
    readonly notary: Pick<Notary, 'sign'>;
  }) {
    this.#reports = deps.reportService;
    this.#auditExport = deps.auditExport;
    this.#notary = deps.notary;
  }

  /**
   * The files of a bundle, one after the other: reports, each with its statement, the whole sealed audit log, and last the
   * manifest with the digests of the others. That it was read is told by an event for each report and for the log.
   * @throws LinewardError LIMIT_EXCEEDED for a report of more than 100,000 rows.
   */
  async *files(
    actor: Actor,
    {
      framework,
      range,
      print,
    }: { readonly framework: Framework; readonly range: ReportRange; readonly print: PrintReport },
  ): AsyncGenerator<EvidenceFile> {
    const { obligations, reports } = evidenceFor(framework);
    const listed: Listed[] = [];
    const weighed = (name: string, chunks: AsyncIterable<string>): EvidenceFile => ({
      name,
      content: weigh(name, chunks, listed),
    });
    for (const name of reports) {
      const { text, statement } = await this.#reports.report(actor, { name, range, print });
      yield weighed(`${name}.csv`, once(text));
      yield weighed(`${name}.csv.signed.json`, once(JSON.stringify(statement)));
    }
    yield weighed(auditFile, this.#auditExport.lines(actor));
    const body: EvidenceManifest = {
      ...{ type: 'lineward.evidence', version: 1, framework, at: new Date().toISOString() },
      ...{ from: range.from?.toISOString() ?? null, to: range.to?.toISOString() ?? null },
      ...{ files: listed, obligations },
    };
    const manifest = { body, ...this.#notary.sign(canonicalJson(body)) };
    yield { name: manifestFile, content: weigh(manifestFile, once(`${JSON.stringify(manifest, null, 2)}\n`), []) };
  }
}

async function* once(text: string): AsyncGenerator<string> {
  yield text;
}

/** The chunks as bytes; at their end the file is put on the list. */
async function* weigh(name: string, chunks: AsyncIterable<string>, listed: Listed[]): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const text of chunks) {
    const chunk = Buffer.from(text);
    hash.update(chunk);
    bytes += chunk.length;
    yield chunk;
  }
  listed.push({ name, bytes, sha256: hash.digest('hex') });
}
