import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CheckpointDirectory } from '../adapters/audit/checkpoint-directory.ts';
import { beginsAuditFile, verifyAuditFile } from '../domain/audit/audit-file.ts';
import { signatureHolds } from '../domain/signed-statement.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import { verifyCertificate } from './certificate-file.ts';
import { reach } from './reach.ts';

/** Writes the sealed audit log of a running service into a file. */
export async function exportAuditLog(url: string, file: string): Promise<string> {
  const address = `${new URL(url).origin}/api/v1/audit/export`;
  const response = await reach(address);
  if (!response.ok || response.body === null)
    throw new LinewardError('BAD_INPUT', `${address} answered ${response.status}`);
  await pipeline(Readable.fromWeb(response.body as never), createWriteStream(file));
  return `written to ${file}; check it with: lineward audit verify ${file}`;
}

export interface VerifyArguments {
  /** Base64 of the public key that is trusted; null takes any. */
  readonly publicKey: string | null;
  /** Directory of checkpoints that were kept elsewhere; null for none. */
  readonly checkpoints: string | null;
}

/**
 * Checks an audit log or a certificate in a file from the file alone.
 * @throws LinewardError AUDIT_LOG_INVALID, CERTIFICATE_INVALID, BAD_INPUT when the file cannot be read.
 */
export async function verifyFile(file: string, given: VerifyArguments): Promise<string> {
  for await (const line of linesOf(file))
    return beginsAuditFile(line) ? verifyLog(file, given) : verifyCertificate(file, given.publicKey);
  throw new LinewardError('BAD_INPUT', `${file} is empty.`);
}

async function verifyLog(file: string, { publicKey: trustedKey, checkpoints }: VerifyArguments): Promise<string> {
  const witnesses = checkpoints === null ? [] : await witnessesIn(checkpoints, trustedKey);
  const report = await verifyAuditFile(linesOf(file), { trustedKey, witnesses });
  const { fault, links, head, lastCheckpoint } = report;
  if (fault !== null)
    throw new LinewardError(
      'AUDIT_LOG_INVALID',
      `${file}: first bad sequence number ${fault.seq}. ${fault.code}: ${fault.explanation}. The ${links} links before are right.`,
    );
  const last = lastCheckpoint?.body;
  return [
    `valid        audit log of ${links} event(s), each behind the one before`,
    `head         ${head}`,
    last === undefined
      ? 'checkpoint   none in the file: who can write the database could have made it anew'
      : `checkpoint   ${last.number} of ${last.at} answers for the first ${last.seq} event(s); ${trustedKey === null ? 'whose key signed it, check by another way: --public-key' : 'signed by the key you trust'}`,
    checkpoints === null
      ? 'kept apart   none given: --checkpoints DIR compares with those that the service published'
      : `kept apart   ${witnesses.length} checkpoint(s) in ${checkpoints} fit`,
  ].join('\n');
}

async function witnessesIn(directory: string, trustedKey: string | null) {
  const witnesses = await new CheckpointDirectory(directory).checkpoints();
  if (witnesses.length === 0) throw new LinewardError('BAD_INPUT', `${directory} has no checkpoints.`);
  for (const witness of witnesses)
    if (!signatureHolds(witness) || (trustedKey !== null && witness.publicKey !== trustedKey))
      throw new LinewardError(
        'AUDIT_LOG_INVALID',
        `${directory}: checkpoint ${witness.body.number} is not signed by the key that is trusted.`,
      );
  return witnesses;
}

async function* linesOf(file: string): AsyncGenerator<string> {
  try {
    yield* createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === undefined) throw cause;
    throw new LinewardError('BAD_INPUT', `${file} cannot be read`, { cause });
  }
}
