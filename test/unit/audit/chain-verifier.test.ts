import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AuditFileLine, exportLine, verifyAuditFile } from '../../../src/domain/audit/audit-file.ts';
import type { Checkpoint, CheckpointBody } from '../../../src/domain/audit/checkpoint.ts';
import { MerkleRoot } from '../../../src/domain/audit/merkle-root.ts';
import { chainStart, linkHash, recordText, type SealedEvent, sealed } from '../../../src/domain/audit/sealed-event.ts';
import { canonicalJson, digestOf } from '../../../src/domain/canonical-json.ts';

const record = (n: number, more: object = {}): string =>
  recordText({
    id: `event-${n}`,
    at: '2026-11-26T10:00:00.000001Z',
    actor: { id: 'ann', kind: 'token' },
    action: 'approveOperation',
    resource: { type: 'Operation', id: `op-${n}` },
    outcome: 'SUCCESS',
    details: { n, ...more },
    requestId: null,
  });

it('the text of a record is its canonical JSON, whatever stands in it', () => {
  const text = fc.string({ unit: 'binary' });
  const texts = { id: text, action: text, outcome: text, requestId: fc.option(text) };
  const records = fc.record({
    ...{ ...texts, at: text, details: fc.jsonValue() },
    actor: fc.record({ kind: text, id: text }),
    resource: fc.record({ type: text, id: fc.option(text) }),
  });
  fc.assert(fc.property(records, (one) => recordText(one) === canonicalJson(one)));
  expect(() => record(1, { half: '\ud800' })).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }));
  expect(() => recordText({ ...JSON.parse(record(1)), action: '\ud800' })).toThrow(
    expect.objectContaining({ code: 'VALUE_INVALID' }),
  );
});

const signer = () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const der = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
  return {
    publicKey: der,
    signed: (body: CheckpointBody): Checkpoint => ({
      body,
      signature: sign(null, Buffer.from(canonicalJson(body)), privateKey).toString('base64'),
      publicKey: der,
    }),
  };
};
const ours = signer();

/** Checkpoints behind the given links. */
function checkpointsOf(links: readonly SealedEvent[], seqs: readonly number[], by = ours): readonly Checkpoint[] {
  const made: Checkpoint[] = [];
  for (const seq of seqs) {
    const before = made.at(-1)?.body ?? null;
    const tree = new MerkleRoot();
    for (const link of links.slice(before?.seq ?? 0, seq)) tree.add(link.hash);
    made.push(
      by.signed({
        type: 'lineward.audit.checkpoint',
        version: 1,
        number: made.length + 1,
        seq,
        hash: links[seq - 1]?.hash ?? '',
        root: tree.root(),
        previous: before === null ? null : digestOf(before),
        at: '2026-11-26T11:00:00.000Z',
      }),
    );
  }
  return made;
}

function fileOf(links: readonly SealedEvent[], checkpoints: readonly Checkpoint[]): AuditFileLine[] {
  const lines: AuditFileLine[] = [{ type: 'lineward.audit.export', version: 1 }];
  for (const link of links) {
    lines.push({ type: 'lineward.audit.link', ...link });
    for (const checkpoint of checkpoints)
      if (checkpoint.body.seq === link.seq) lines.push({ type: 'lineward.audit.checkpoint', checkpoint });
  }
  for (const checkpoint of checkpoints)
    if (checkpoint.body.seq > (links.at(-1)?.seq ?? 0)) lines.push({ type: 'lineward.audit.checkpoint', checkpoint });
  return [...lines, { type: 'lineward.audit.end', links: links.length }];
}
async function* printed(lines: readonly AuditFileLine[]): AsyncGenerator<string> {
  for (const line of lines) yield exportLine(line).trimEnd();
}
const verify = (lines: readonly AuditFileLine[], trust = { trustedKey: ours.publicKey }) =>
  verifyAuditFile(printed(lines), trust);

const records = Array.from({ length: 10 }, (_, index) => record(index + 1));
const links = sealed(records, null);
const checkpoints = checkpointsOf(links, [4, 8]);

describe('the chain', () => {
  it('hashes exactly the bytes that the documentation names', () => {
    const text = record(1);
    const bytes = Buffer.from(text);
    const u64 = (n: number): Buffer => {
      const out = Buffer.alloc(8);
      out.writeBigUInt64BE(BigInt(n));
      return out;
    };
    const expected = createHash('sha256')
      .update(Buffer.concat([Buffer.from('lineward.audit.v1'), u64(1), Buffer.alloc(32), u64(bytes.length), bytes]))
      .digest('hex');
    expect(linkHash(1, chainStart, text)).toBe(expected);
  });

  it('is the same whether it is sealed at once or in parts', () => {
    const first = sealed(records.slice(0, 3), null);
    expect([...first, ...sealed(records.slice(3), first.at(-1) ?? null)]).toEqual(links);
  });
});

describe('the tree', () => {
  // The definition of RFC 6962 §2.1, word by word, on the whole list.
  const sha = (...parts: readonly Buffer[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
  const hashOf = (leaves: readonly string[]): Buffer => {
    if (leaves.length === 0) return sha();
    if (leaves.length === 1) return sha(Buffer.of(0), Buffer.from(leaves[0] ?? '', 'hex'));
    let k = 1;
    while (k * 2 < leaves.length) k *= 2;
    return sha(Buffer.of(1), hashOf(leaves.slice(0, k)), hashOf(leaves.slice(k)));
  };
  it.each(Array.from({ length: 34 }, (_, size) => size))('of %i leaves has the root that RFC 6962 defines', (size) => {
    const leaves = Array.from({ length: size }, (_, n) => createHash('sha256').update(String(n)).digest('hex'));
    const tree = new MerkleRoot();
    for (const leaf of leaves) tree.add(leaf);
    expect(tree.root()).toBe(hashOf(leaves).toString('hex'));
  });
});

describe('a file', () => {
  it('that is whole verifies, with and without checkpoints, and empty', async () => {
    expect(await verify(fileOf(links, checkpoints))).toMatchObject({ fault: null, links: 10, head: links[9]?.hash });
    expect(await verify(fileOf(links, []))).toMatchObject({ fault: null, links: 10, lastCheckpoint: null });
    expect(await verify(fileOf([], []))).toMatchObject({ fault: null, links: 0, head: chainStart });
  });

  const at = (index: number): SealedEvent => links[index] as SealedEvent;
  const changed = links.map((link) => (link.seq === 6 ? { ...link, record: record(6, { forged: true }) } : link));
  const rehashedFrom = (seq: number): readonly SealedEvent[] => {
    const kept = links.slice(0, seq - 1);
    const forged = records.slice(seq - 1).map((text, index) => (index === 0 ? record(seq, { forged: true }) : text));
    return [...kept, ...sealed(forged, kept.at(-1) ?? null)];
  };
  it.each([
    ['a record changed', fileOf(changed, checkpoints), 'RECORD_CHANGED', 6],
    ['a link taken out', fileOf(links.toSpliced(5, 1), checkpoints), 'GAP', 6],
    ['the first link taken out', fileOf(links.slice(1), checkpoints), 'GAP', 1],
    ['two links swapped', fileOf(links.with(4, at(5)).with(5, at(4)), []), 'GAP', 5],
    ['a link twice', fileOf(links.toSpliced(5, 0, at(4)), []), 'REORDERED', 5],
    ['records swapped under their numbers', fileOf(swapped(4, 5), []), 'RECORD_CHANGED', 5],
    [
      'a link put in and hashed, the rest left',
      fileOf(links.with(5, rehashedFrom(6)[5] ?? at(5)), []),
      'CHAIN_BROKEN',
      7,
    ],
    ['all hashed anew from the sixth on', fileOf(rehashedFrom(6), checkpoints), 'CHECKPOINT_MISMATCH', 5],
    ['the end cut off before the checkpoint', fileOf(links.slice(0, 7), checkpoints), 'TRUNCATED', 8],
    ['a checkpoint taken out', fileOf(links, checkpoints.slice(1)), 'CHECKPOINT_MISSING', 1],
    ['a checkpoint of another key', fileOf(links, checkpointsOf(links, [4, 8], signer())), 'CHECKPOINT_INVALID', 1],
    [
      'a checkpoint changed',
      fileOf(
        links,
        checkpoints.map((one) => ({ ...one, body: { ...one.body, at: 'x' } })),
      ),
      'CHECKPOINT_INVALID',
      1,
    ],
  ] as const)('with %s is refused, and the first bad link is named', async (_case, lines, code, seq) => {
    expect((await verify(lines)).fault).toMatchObject({ code, seq });
  });

  function swapped(one: number, other: number): readonly SealedEvent[] {
    return links
      .with(one, { ...at(one), record: at(other).record })
      .with(other, { ...at(other), record: at(one).record });
  }

  it('made anew with all its checkpoints is caught by those that were kept elsewhere', async () => {
    const forged = rehashedFrom(6);
    const stolen = signer();
    const whole = fileOf(forged, checkpointsOf(forged, [4, 8], stolen));
    expect((await verifyAuditFile(printed(whole), {})).fault).toBeNull();
    const fault = { code: 'CHECKPOINT_MISMATCH', seq: 5 };
    expect((await verifyAuditFile(printed(whole), { witnesses: checkpoints })).fault).toMatchObject(fault);
    const cut = fileOf(links.slice(0, 7), []);
    expect((await verifyAuditFile(printed(cut), { witnesses: checkpoints })).fault).toMatchObject({
      code: 'TRUNCATED',
      seq: 8,
    });
  });

  it('that ends early or holds something else is no audit file', async () => {
    const lines = fileOf(links, checkpoints);
    await expect(verify(lines.slice(0, -1))).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await expect(verify(lines.slice(1))).rejects.toMatchObject({ code: 'BAD_INPUT', message: /line 1 / });
    await expect(verify(lines.toSpliced(3, 0, { type: 'lineward.audit.other' } as never))).rejects.toMatchObject({
      message: /line 4 /,
    });
    expect((await verify([...lines.slice(0, -2), { type: 'lineward.audit.end', links: 10 }])).fault).toMatchObject({
      code: 'TRUNCATED',
      seq: 10,
    });
  });
});
