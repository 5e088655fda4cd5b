import { hash } from 'node:crypto';
import { canonicalJson } from '../canonical-json.ts';

/** An audit event as it is sealed. */
export interface AuditRecord {
  readonly id: string;
  /** RFC 3339 in UTC with microseconds, as the database has it. */
  readonly at: string;
  readonly actor: { readonly id: string; readonly kind: string };
  readonly action: string;
  readonly resource: { readonly type: string; readonly id: string | null };
  readonly outcome: string;
  /** An object, in what the product writes. */
  readonly details: unknown;
  readonly requestId: string | null;
}

/** A link of the chain. */
export interface SealedEvent {
  /** Place in the chain, from 1 without gaps. */
  readonly seq: number;
  /** Canonical JSON (RFC 8785) of the `AuditRecord`; what was hashed, byte by byte. */
  readonly record: string;
  /** Hash of the link before; 64 zeros for the first. */
  readonly prev: string;
  readonly hash: string;
}

/** What the first link names as the one before it. */
export const chainStart = '0'.repeat(64);

const domain = Buffer.from('lineward.audit.v1');

/** The text of a record that is sealed and kept: its canonical JSON, whose members stand in this order. */
export function recordText({ action, actor, at, details, id, outcome, requestId, resource }: AuditRecord): string {
  return `{"action":${textOf(action)},"actor":{"id":${textOf(actor.id)},"kind":${textOf(actor.kind)}},"at":${textOf(at)},"details":${canonicalJson(details)},"id":${textOf(id)},"outcome":${textOf(outcome)},"requestId":${textOf(requestId)},"resource":{"id":${textOf(resource.id)},"type":${textOf(resource.type)}}}`;
}

/** As canonical JSON writes it; half of a character it refuses. */
const textOf = (text: string | null): string =>
  text === null || text.isWellFormed() ? JSON.stringify(text) : canonicalJson(text);

/**
 * SHA-256, hex, over `lineward.audit.v1` ‖ seq ‖ prev ‖ length ‖ record, with seq and length in 8 bytes, big endian, prev as
 * its 32 bytes and the record in UTF-8. Every part has one length, so no two links have the same bytes.
 */
export function linkHash(seq: number, prev: string, record: string): string {
  const length = Buffer.byteLength(record);
  const bytes = Buffer.allocUnsafe(domain.length + 48 + length);
  domain.copy(bytes);
  bytes.writeBigUInt64BE(BigInt(seq), domain.length);
  bytes.write(prev, domain.length + 8, 'hex');
  bytes.writeBigUInt64BE(BigInt(length), domain.length + 40);
  bytes.write(record, domain.length + 48);
  return hash('sha256', bytes);
}

/** The links of records, in order, behind the link `last`. */
export function sealed(
  records: readonly string[],
  last: Pick<SealedEvent, 'seq' | 'hash'> | null,
): readonly SealedEvent[] {
  let { seq, hash: prev } = last ?? { seq: 0, hash: chainStart };
  return records.map((record) => {
    seq += 1;
    const link = { seq, record, prev, hash: linkHash(seq, prev, record) };
    prev = link.hash;
    return link;
  });
}
