import { canonicalJson } from '../canonical-json.ts';
import type { Gap, Residue, TargetReceipt, TargetVerification } from './target.ts';

/** What happened in one place. */
export interface CertifiedTarget {
  readonly dataset: { readonly namespace: string; readonly name: string };
  readonly role: string;
  readonly status: string;
  readonly reason: string | null;
  readonly receipt: TargetReceipt | null;
  readonly verification: TargetVerification | null;
}

/** The statement that is signed. Subjects appear as keyed digests only. */
export interface CertificateBody {
  readonly type: 'lineward.certificate';
  readonly version: 1;
  readonly operationId: string;
  readonly kind: string;
  readonly round: number;
  readonly outcome: 'COMPLETED' | 'PARTIAL' | 'FAILED' | 'CANCELLED';
  readonly planHash: string;
  readonly requestedBy: string;
  readonly requestedAt: string;
  readonly approvedBy: string;
  readonly approvedAt: string;
  readonly issuedAt: string;
  readonly subjects: readonly { readonly digest: string; readonly held: boolean }[];
  readonly targets: readonly CertifiedTarget[];
  readonly totals: {
    readonly recordsErased: number;
    /** Absent in certificates of releases that only erased. */
    readonly recordsChanged?: number;
    readonly recordsKept: number;
    readonly filesRewritten: number;
    readonly survivors: number;
    readonly lost: number;
  };
  /** What could not be reached or finished; non-empty unless the outcome is COMPLETED. */
  readonly open: readonly Gap[];
  /** Copies that fade by themselves, and until when. */
  readonly residues: readonly Residue[];
}

/**
 * Everything that keeps an operation from being COMPLETED, given what each place reported: `subjects` are held whole,
 * `narrower` holds cover part of what was asked, which stays until they are released.
 */
export function openPoints(
  targets: readonly CertifiedTarget[],
  planGaps: readonly Gap[],
  held: { readonly subjects: number; readonly narrower: number },
): readonly Gap[] {
  const open: Gap[] = [...planGaps];
  for (const target of targets) {
    const dataset = target.dataset.name;
    open.push(...(target.receipt?.open ?? []), ...(target.verification?.open ?? []));
    if (target.status !== 'VERIFIED')
      open.push({ code: `TARGET_${target.status}`, dataset, reason: target.reason ?? 'not verified' });
    const { survivors = 0, lost = 0 } = target.verification ?? {};
    if (survivors > 0)
      open.push({
        code: 'SURVIVORS',
        dataset,
        reason: `${survivors} record(s) are still there on which the operation had to act`,
      });
    if (lost > 0) open.push({ code: 'LOST', dataset, reason: `${lost} record(s) of others are missing` });
  }
  if (held.subjects > 0)
    open.push({ code: 'HOLD_ACTIVE', dataset: '*', reason: `${held.subjects} subject(s) are under a legal hold` });
  if (held.narrower > 0) {
    const reason = `${held.narrower} legal hold(s) keep records of the accounts that were asked for`;
    open.push({ code: 'HOLD_ACTIVE', dataset: '*', reason });
  }
  return [...new Map(open.map((gap) => [canonicalJson(gap), gap])).values()];
}
