import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type ReportName, reportNames } from '../domain/governance/report.ts';
import { signatureHolds } from '../domain/signed-statement.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import { exportAuditLog } from './audit-log.ts';
import { reach } from './reach.ts';

export interface ReportArguments {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly url: string;
}

const statement = z.object({
  body: z.looseObject({ type: z.literal('lineward.report'), name: z.string(), sha256: z.string(), rows: z.number() }),
  signature: z.string(),
  publicKey: z.string(),
});

/** The text of a report. @throws LinewardError BAD_INPUT for what the service refuses. */
export async function printReport(name: string, given: ReportArguments): Promise<string> {
  return (await fetched(name, given)).text;
}

/**
 * Writes all reports, each with its signed statement, and the sealed audit log into a new directory.
 * @throws LinewardError BAD_INPUT when the directory is there already, or the service refuses.
 */
export async function writeEvidence(directory: string, given: ReportArguments): Promise<string> {
  await mkdir(directory).catch((cause: unknown) => {
    throw new LinewardError('BAD_INPUT', `${directory} cannot be made; name one that is not there`, { cause });
  });
  for (const name of reportNames) {
    const { text, signed } = await fetched(name, given);
    await writeFile(join(directory, `${name}.csv`), text);
    await writeFile(join(directory, `${name}.csv.signed.json`), signed);
  }
  await exportAuditLog(given.url, join(directory, 'audit.ndjson'));
  return `${reportNames.length} reports and the audit log written to ${directory}; check each: lineward report verify FILE, lineward audit verify FILE`;
}

/**
 * Checks a report in a file by the statement beside it, from the files alone.
 * @throws LinewardError CERTIFICATE_INVALID, BAD_INPUT when a file cannot be read.
 */
export async function verifyReport(file: string, trustedKey: string | null): Promise<string> {
  const [text, signed] = await Promise.all([file, `${file}.signed.json`].map(content));
  const read = statement.safeParse(parsed(signed ?? ''));
  if (!read.success) throw new LinewardError('BAD_INPUT', `${file}.signed.json is no statement about a report`);
  const { body, publicKey } = read.data;
  if (!signatureHolds(read.data))
    throw new LinewardError('CERTIFICATE_INVALID', `${file}: the signature does not fit its statement`);
  if (trustedKey !== null && trustedKey !== publicKey)
    throw new LinewardError('CERTIFICATE_INVALID', `${file}: it is signed by another key than the one you trust`);
  if (
    createHash('sha256')
      .update(text ?? '')
      .digest('hex') !== body.sha256
  )
    throw new LinewardError('CERTIFICATE_INVALID', `${file}: it is not the report that was signed; it was changed`);
  const whose =
    trustedKey === null ? 'whose key signed it, check by another way: --public-key' : 'signed by the key you trust';
  return `valid        report ${body.name} of ${body.rows} row(s), as it was given out at ${String(body.at)}\nkey          ${publicKey}\n             ${whose}`;
}

async function fetched(
  name: string,
  { from, to, url }: ReportArguments,
): Promise<{ readonly text: string; readonly signed: string }> {
  const query = new URLSearchParams({ ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) });
  const response = await reach(
    `${new URL(url).origin}/api/v1/reports/${encodeURIComponent(name as ReportName)}?${query}`,
  );
  const text = await response.text();
  if (!response.ok) throw new LinewardError('BAD_INPUT', `the service answered ${response.status}: ${messageOf(text)}`);
  return { text, signed: Buffer.from(response.headers.get('x-lineward-statement') ?? '', 'base64').toString('utf8') };
}

function messageOf(text: string): string {
  const read = z.object({ message: z.string() }).safeParse(parsed(text));
  return read.success ? read.data.message : text.slice(0, 200);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function content(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new LinewardError('BAD_INPUT', `${file} cannot be read`, { cause });
  });
}
