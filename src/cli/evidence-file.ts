import { createHash } from 'node:crypto';
import { z } from 'zod';
import { manifestFile } from '../domain/governance/evidence.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import { assertSigned, invalid, jsonOf, signerLines } from './signed-file.ts';
import { filesOfZip, type PackedFile } from './zip-files.ts';

/** Largest manifest, bytes; one of this program is a few thousand. */
const manifestBytesMax = 1024 * 1024;

const manifest = z.object({
  body: z.looseObject({
    type: z.literal('lineward.evidence'),
    framework: z.string(),
    at: z.string(),
    files: z.array(z.object({ name: z.string(), bytes: z.number(), sha256: z.string() })),
  }),
  signature: z.string(),
  publicKey: z.string(),
});

/**
 * Checks an archive of evidence from the file alone: the signature of its manifest, and that it has exactly the files that this
 * names, each with the digest that it tells.
 * @throws LinewardError CERTIFICATE_INVALID with the first file that does not fit, BAD_INPUT when it is no such archive.
 */
export async function verifyEvidence(file: string, trustedKey: string | null): Promise<string> {
  const packed = await filesOfZip(file).catch((cause: unknown) => {
    throw new LinewardError('BAD_INPUT', `${file} cannot be read as a zip archive`, { cause });
  });
  const signed = await manifestOf(file, packed);
  assertSigned(file, signed, { what: 'manifest', trustedKey });
  const { files, framework, at } = signed.body;
  const named = new Map(files.map((one) => [one.name, one]));
  const others = packed.filter(({ name }) => name !== manifestFile);
  const stranger = others.find(({ name }) => !named.has(name));
  if (stranger !== undefined) throw invalid(file, `it has ${stranger.name}, of which the manifest says nothing`);
  for (const { name, ...told } of files) {
    const found = others.filter((one) => one.name === name);
    const [only] = found;
    if (only === undefined || found.length > 1) throw invalid(file, `it has ${name} ${found.length} times`);
    if ((await digestOf(only, told.bytes)) !== told.sha256) throw invalid(file, `${name} was changed`);
  }
  return [
    `valid        evidence for ${framework}, ${files.length} file(s), as given out at ${at}`,
    ...signerLines(signed, trustedKey),
    'audit log    unpack it, then: lineward audit verify audit.ndjson',
  ].join('\n');
}

async function manifestOf(file: string, packed: readonly PackedFile[]): Promise<z.infer<typeof manifest>> {
  const found = packed.filter(({ name }) => name === manifestFile);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of contentOf(found[0])) {
    bytes += chunk.length;
    if (bytes <= manifestBytesMax) chunks.push(chunk);
    else break;
  }
  const read = manifest.safeParse(jsonOf(Buffer.concat(chunks).toString('utf8')));
  if (found.length !== 1 || !read.success)
    throw new LinewardError('BAD_INPUT', `${file} has no ${manifestFile} of evidence`);
  return read.data;
}

/** Null for more bytes than it may have, and for what cannot be unpacked. */
async function digestOf(packed: PackedFile, bytesMax: number): Promise<string | null> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of packed.content()) {
      bytes += chunk.length;
      if (bytes > bytesMax) return null;
      hash.update(chunk);
    }
  } catch {
    return null;
  }
  return hash.digest('hex');
}

async function* contentOf(packed: PackedFile | undefined): AsyncGenerator<Uint8Array> {
  if (packed !== undefined) yield* packed.content();
}
