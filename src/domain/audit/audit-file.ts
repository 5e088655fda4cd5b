import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';
import { type AuditFault, ChainVerifier, type Trust } from './chain-verifier.ts';
import type { Checkpoint } from './checkpoint.ts';
import { chainStart } from './sealed-event.ts';

const hex64 = z.string().regex(/^[0-9a-f]{64}$/);

/** A checkpoint as JSON has it. */
export const checkpointJson: z.ZodType<Checkpoint> = z.object({
  body: z.strictObject({
    type: z.literal('lineward.audit.checkpoint'),
    version: z.literal(1),
    number: z.int().positive(),
    seq: z.int().positive(),
    hash: hex64,
    root: hex64,
    previous: hex64.nullable(),
    at: z.string(),
  }),
  signature: z.string(),
  publicKey: z.string(),
});

const lineJson = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('lineward.audit.export'), version: z.literal(1) }),
  z.strictObject({
    type: z.literal('lineward.audit.link'),
    seq: z.int().positive(),
    record: z.string(),
    prev: hex64,
    hash: hex64,
  }),
  z.strictObject({ type: z.literal('lineward.audit.checkpoint'), checkpoint: checkpointJson }),
  z.strictObject({ type: z.literal('lineward.audit.end'), links: z.int().nonnegative() }),
]);

/** A line of an audit file: a first one that says what it is, links, each checkpoint behind its link, and a last one. */
export type AuditFileLine = z.infer<typeof lineJson>;

/** What a file holds, as far as it is right. */
export interface AuditFileReport {
  readonly fault: AuditFault | null;
  readonly links: number;
  readonly head: string;
  readonly lastCheckpoint: Checkpoint | null;
}

export const exportLine = (line: AuditFileLine): string => `${JSON.stringify(line)}\n`;

/** True for the first line of an audit file. */
export function beginsAuditFile(line: string): boolean {
  return readLine(line)?.type === 'lineward.audit.export';
}

/**
 * Verifies an audit file from its lines alone, which may be any number.
 * @throws LinewardError BAD_INPUT for what is no audit file, or ends before its last line.
 */
export async function verifyAuditFile(lines: AsyncIterable<string>, trust: Trust): Promise<AuditFileReport> {
  const verifier = new ChainVerifier({ seq: 0, hash: chainStart }, trust);
  const report = (fault: AuditFault | null): AuditFileReport => {
    const { seq, hash } = verifier.last;
    return { fault, links: seq, head: hash, lastCheckpoint: verifier.lastCheckpoint };
  };
  let number = 0;
  for await (const text of lines) {
    number += 1;
    const line = readLine(text);
    if (line === null || (line.type === 'lineward.audit.export') !== (number === 1))
      throw new LinewardError('BAD_INPUT', `line ${number} is no line of an audit file.`);
    if (line.type === 'lineward.audit.end') return report(verifier.end() ?? cutShort(line.links, verifier.last.seq));
    const fault =
      line.type === 'lineward.audit.link'
        ? verifier.link(line)
        : line.type === 'lineward.audit.checkpoint'
          ? verifier.checkpoint(line.checkpoint)
          : null;
    if (fault !== null) return report(fault);
  }
  throw new LinewardError('BAD_INPUT', `The file ends behind line ${number} without its last line; export it again.`);
}

function cutShort(expected: number, there: number): AuditFault | null {
  if (expected === there) return null;
  return {
    code: 'TRUNCATED',
    seq: there + 1,
    explanation: `the file speaks of ${expected} links, and ${there} are there`,
  };
}

function readLine(text: string): AuditFileLine | null {
  try {
    return lineJson.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
