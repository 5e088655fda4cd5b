import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { LinewardError } from '../errors/lineward-error.ts';
import { verifyEvidence } from './evidence-file.ts';
import { reach } from './reach.ts';
import { writeNewFile } from './response-file.ts';
import { assertSigned, invalid, jsonOf, signerLines } from './signed-file.ts';

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
  return (await asked(`reports/${encodeURIComponent(name)}`, given)).text();
}

/**
 * Writes the evidence of a framework, a zip archive with a signed manifest, into a new file.
 * @throws LinewardError BAD_INPUT when the file is there already, or the service refuses or breaks off.
 */
export async function writeEvidence(
  framework: string,
  { file, ...given }: ReportArguments & { readonly file: string },
): Promise<string> {
  const response = await asked(`evidence/${encodeURIComponent(framework)}`, given);
  await writeNewFile(file, response);
  return `written to ${file}; check it with: lineward report verify ${file}`;
}

/**
 * Checks a report in a file by the statement beside it, or an archive of evidence by its manifest, from the files alone.
 * @throws LinewardError CERTIFICATE_INVALID, BAD_INPUT when a file cannot be read.
 */
export async function verifyReport(file: string, trustedKey: string | null): Promise<string> {
  if (file.endsWith('.zip')) return verifyEvidence(file, trustedKey);
  const [text, signed] = await Promise.all([file, `${file}.signed.json`].map(content));
  const read = statement.safeParse(jsonOf(signed ?? ''));
  if (!read.success) throw new LinewardError('BAD_INPUT', `${file}.signed.json is no statement about a report`);
  const { body } = read.data;
  assertSigned(file, read.data, { what: 'statement', trustedKey });
  if (
    createHash('sha256')
      .update(text ?? '')
      .digest('hex') !== body.sha256
  )
    throw invalid(file, 'it is not the report that was signed; it was changed');
  return [
    `valid        report ${body.name} of ${body.rows} row(s), as it was given out at ${String(body.at)}`,
    ...signerLines(read.data, trustedKey),
  ].join('\n');
}

async function asked(path: string, { from, to, url }: ReportArguments): Promise<Response> {
  const query = new URLSearchParams({ ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) });
  const response = await reach(`${new URL(url).origin}/api/v1/${path}?${query}`);
  if (response.ok) return response;
  const text = await response.text();
  throw new LinewardError('BAD_INPUT', `the service answered ${response.status}: ${messageOf(text)}`);
}

function messageOf(text: string): string {
  const read = z.object({ message: z.string() }).safeParse(jsonOf(text));
  return read.success ? read.data.message : text.slice(0, 200);
}

function content(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new LinewardError('BAD_INPUT', `${file} cannot be read`, { cause });
  });
}
