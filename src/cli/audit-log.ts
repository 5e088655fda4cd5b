import { createReadStream } from 'node:fs';
import { CheckpointDirectory } from '../adapters/audit/checkpoint-directory.ts';
import { processEnv } from '../config/env.ts';
import { beginsAuditFile, verifyAuditFile } from '../domain/audit/audit-file.ts';
import type { Checkpoint } from '../domain/audit/checkpoint.ts';
import { signatureHolds } from '../domain/signed-statement.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import { verifyCertificate } from './certificate-file.ts';
import { reach } from './reach.ts';
import { writeNewFile } from './response-file.ts';

/** Longest line of a file, characters; a record is far shorter. */
const lineCharsMax = 64 * 1024 * 1024;

/**
 * Writes the sealed audit log of a running service into a new file.
 * @throws LinewardError BAD_INPUT when it is there already, cannot be written, or the service breaks off.
 */
export async function exportAuditLog(url: string, file: string): Promise<string> {
  const address = `${new URL(url).origin}/api/v1/audit/export`;
  const response = await reach(address);
  if (!response.ok) throw new LinewardError('BAD_INPUT', `${address} answered ${response.status}`);
  await writeNewFile(file, response);
  return `written to ${file}; check it with: lineward audit verify ${file}`;
}

export interface VerifyArguments {
  /** Base64 of the public key that is trusted; null takes any. */
  readonly publicKey: string | null;
  /** Directory or bucket (`s3://`) of checkpoints that were kept elsewhere; null for none. */
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
      ? 'kept apart   none given: --checkpoints PLACE compares with those that the service published'
      : `kept apart   ${witnesses.length} checkpoint(s) in ${checkpoints} fit`,
  ].join('\n');
}

async function publishedIn(place: string): Promise<readonly Checkpoint[]> {
  if (!place.startsWith('s3://')) return new CheckpointDirectory(place).checkpoints();
  const { checkpointBucket } = processEnv({ AUDIT_CHECKPOINT_URL: place });
  if (checkpointBucket === null) return [];
  const { CheckpointBucket } = await import('../adapters/audit/checkpoint-bucket.ts');
  const bucket = await CheckpointBucket.open(checkpointBucket);
  return bucket.checkpoints().finally(() => bucket.close());
}

async function witnessesIn(place: string, trustedKey: string | null) {
  const witnesses = await publishedIn(place);
  if (witnesses.length === 0) throw new LinewardError('BAD_INPUT', `${place} has no checkpoints.`);
  for (const witness of witnesses)
    if (!signatureHolds(witness) || (trustedKey !== null && witness.publicKey !== trustedKey))
      throw new LinewardError(
        'AUDIT_LOG_INVALID',
        `${place}: checkpoint ${witness.body.number} is not signed by the key that is trusted.`,
      );
  return witnesses;
}

/** Lines end with a line feed and nothing else: a record may have other ends of lines of Unicode in it. */
async function* linesOf(file: string): AsyncGenerator<string> {
  let parts: string[] = [];
  let length = 0;
  for await (const chunk of chunksOf(file)) {
    for (const [index, part] of chunk.split('\n').entries()) {
      if (index > 0) {
        yield parts.join('').replace(/\r$/, '');
        parts = [];
        length = 0;
      }
      parts.push(part);
      length += part.length;
      if (length > lineCharsMax)
        throw new LinewardError('BAD_INPUT', `${file} has a line of more than ${lineCharsMax} characters.`);
    }
  }
  if (length > 0) yield parts.join('');
}

async function* chunksOf(file: string): AsyncGenerator<string> {
  try {
    yield* createReadStream(file, { encoding: 'utf8', highWaterMark: 1 << 20 }) as AsyncIterable<string>;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === undefined) throw cause;
    throw new LinewardError('BAD_INPUT', `${file} cannot be read`, { cause });
  }
}
