import { generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../src/domain/canonical-json.ts';
import { type CertifiedTarget, openPoints } from '../../../src/domain/operations/certificate.ts';
import { signatureHolds } from '../../../src/domain/signed-statement.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const signed = (body: unknown) => ({
  body,
  signature: sign(null, Buffer.from(canonicalJson(body)), privateKey).toString('base64'),
  publicKey: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
});
const body = fc.record({ operationId: fc.uuid(), totals: fc.dictionary(fc.string(), fc.nat()), note: fc.string() });

/** The same bytes but for one, in base64. */
function withByteChanged(base64: string, position: number, by: number): string {
  const bytes = Buffer.from(base64, 'base64');
  const index = position % bytes.length;
  bytes[index] = (bytes[index] ?? 0) ^ by;
  return bytes.toString('base64');
}

describe('the signature of a certificate', () => {
  it('holds for the body it was made of, in whatever order its keys come', () => {
    fc.assert(
      fc.property(body, (one) => {
        const file = signed(one);
        const reordered = Object.fromEntries(Object.entries(one).reverse());
        expect([signatureHolds(file), signatureHolds({ ...file, body: reordered })]).toEqual([true, true]);
      }),
    );
  });

  it('fails with any byte of signature or key changed', () => {
    const change = fc.record({
      part: fc.constantFrom('signature', 'publicKey'),
      at: fc.nat(),
      by: fc.integer({ min: 1, max: 255 }),
    });
    fc.assert(
      fc.property(body, change, (one, { part, at, by }) => {
        const file = signed(one);
        expect(signatureHolds({ ...file, [part]: withByteChanged(file[part as 'signature'], at, by) })).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('fails with any bit of the key changed', () => {
    const file = signed({ note: 'x' });
    for (let at = 0; at < Buffer.from(file.publicKey, 'base64').length; at += 1)
      for (let bit = 0; bit < 8; bit += 1) {
        const publicKeyText = withByteChanged(file.publicKey, at, 1 << bit);
        expect(signatureHolds({ ...file, publicKey: publicKeyText }), `byte ${at}, bit ${bit}`).toBe(false);
      }
  });

  it('fails with any character of the body changed', () => {
    fc.assert(
      fc.property(body, fc.nat(), (one, at) => {
        const text = canonicalJson(one);
        const index = at % text.length;
        const other = `${text.slice(0, index)}${text[index] === '1' ? '2' : '1'}${text.slice(index + 1)}`;
        let changed: unknown;
        try {
          changed = JSON.parse(other);
        } catch {
          return;
        }
        // One character may change a text without changing what it says, as a hex digit of an escape can.
        fc.pre(canonicalJson(changed) !== text);
        expect(signatureHolds({ ...signed(one), body: changed })).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('fails by another kind of key, and for what is no certificate at all', () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    const file = signed({ outcome: 'COMPLETED' });
    const ecKey = other.export({ format: 'der', type: 'spki' }).toString('base64');
    expect(signatureHolds({ ...file, publicKey: ecKey })).toBe(false);
    expect(signatureHolds({ ...file, publicKey: '' })).toBe(false);
    expect(signatureHolds({ ...file, signature: '' })).toBe(false);
    expect(signatureHolds({ ...file, body: undefined })).toBe(false);
  });
});

const noHolds = { subjects: 0, narrower: 0 };
const target = (given: Partial<CertifiedTarget> = {}): CertifiedTarget => ({
  dataset: { namespace: 'file', name: 'messages' },
  role: 'LAKE_TABLE',
  status: 'VERIFIED',
  reason: null,
  receipt: {
    recordsErased: 1,
    recordsKept: 0,
    filesRewritten: 1,
    filesRemoved: 0,
    bytesBefore: 1,
    bytesAfter: 1,
    evidence: [],
    residues: [],
    open: [],
  },
  verification: { survivors: 0, lost: 0, recordsScanned: 1, method: 'scan', open: [] },
  ...given,
});
const gap = { code: 'UNREADABLE', dataset: 'messages', reason: 'torn' };
const verification = { survivors: 0, lost: 0, recordsScanned: 1, method: 'scan', open: [] };
const codes = (targets: readonly CertifiedTarget[], gaps = [] as (typeof gap)[], holds = noHolds) =>
  openPoints(targets, gaps, holds).map((point) => point.code);

describe('the open points of an operation', () => {
  it('are none when every place is verified and nothing is held', () => {
    expect(codes([target(), target()])).toEqual([]);
    expect(codes([])).toEqual([]);
  });

  it.each(['PENDING', 'EXECUTING', 'EXECUTED', 'VERIFYING', 'FAILED', 'CANCELLED'])(
    'name a place that is %s',
    (status) => {
      expect(openPoints([target({ status, reason: 'why' })], [], noHolds)).toEqual([
        { code: `TARGET_${status}`, dataset: 'messages', reason: 'why' },
      ]);
    },
  );

  it('name survivors, losses, and gaps of plan, receipt and verification', () => {
    expect(codes([target({ verification: { ...verification, survivors: 1 } })])).toEqual(['SURVIVORS']);
    expect(codes([target({ verification: { ...verification, lost: 1 } })])).toEqual(['LOST']);
    expect(codes([target({ verification: { ...verification, open: [gap] } })])).toEqual(['UNREADABLE']);
    expect(codes([target({ receipt: { ...target().receipt!, open: [gap] } })])).toEqual(['UNREADABLE']);
    expect(codes([target()], [gap])).toEqual(['UNREADABLE']);
  });

  it('name each hold of either kind, and the same gap once', () => {
    expect(codes([target()], [], { subjects: 1, narrower: 0 })).toEqual(['HOLD_ACTIVE']);
    expect(codes([target()], [], { subjects: 0, narrower: 1 })).toEqual(['HOLD_ACTIVE']);
    expect(codes([target({ verification: { ...verification, open: [gap] } })], [gap])).toEqual(['UNREADABLE']);
  });
});
