import type { EntityManager } from '@mikro-orm/postgresql';
import { systemActor } from '../../domain/access/actor.ts';
import { canonicalJson } from '../../domain/canonical-json.ts';
import { type PermittedSelection, type PlaceKeys, permittedIn } from '../../domain/governance/permission.ts';
import { newId } from '../../domain/id.ts';
import { type CertificateBody, type CertifiedTarget, openPoints } from '../../domain/operations/certificate.ts';
import type { Gap, Residue } from '../../domain/operations/target.ts';
import { CertificateSchema } from '../../entities/certificate.entity.ts';
import { DatasetSchema } from '../../entities/dataset.entity.ts';
import {
  type Operation,
  OperationSubjectSchema,
  type OperationTarget,
  OperationTargetSchema,
} from '../../entities/operation.entity.ts';
import { audit } from '../audit/audit.service.ts';
import { settleDeferral } from './erasure-deferral.ts';
import { lockOperation } from './operation-lock.ts';
import { dropIdentifiers, type Retaining, selectionOf, subjectsOf } from './operation-subjects.ts';
import type { ErasureJournal, Notary } from './ports.ts';

/**
 * Ends an operation: draws the sum of what its places reported, signs it, and drops the clear identifiers of the
 * subjects once nothing is left to do for them. Success is never inferred: one open point makes the end PARTIAL. A
 * cancelled operation gets a certificate of what it had done.
 */
export class OperationCertifier {
  readonly #em: EntityManager;
  readonly #retains: Retaining;
  readonly #notary: Notary;
  readonly #journal: Pick<ErasureJournal, 'append'>;

  constructor(deps: {
    readonly em: EntityManager;
    readonly retains: Retaining;
    readonly notary: Notary;
    readonly journal: Pick<ErasureJournal, 'append'>;
  }) {
    this.#em = deps.em;
    this.#retains = deps.retains;
    this.#notary = deps.notary;
    this.#journal = deps.journal;
  }

  async certify(operationId: string): Promise<void> {
    const selection = await selectionOf(this.#em, operationId, this.#retains);
    const held = new Set(selection.held.map((selector) => this.#notary.digest(selector)));
    await this.#em.fork().transactional(async (tx) => {
      const operation = await lockOperation(tx, operationId);
      const isCancelled = operation.status === 'CANCELLED';
      if (operation.status !== 'VERIFYING' && !isCancelled) return;
      // A late run of the task.
      if (isCancelled && (await tx.count(CertificateSchema, { operationId, round: operation.round })) > 0) return;
      const body = await this.#body(tx, operation, {
        subjects: held,
        narrower: selection.everyone === true ? 0 : selection.keep.length,
        selection,
      });
      const text = canonicalJson(body);
      tx.persist(
        tx.create(CertificateSchema, {
          id: newId(),
          operationId,
          round: operation.round,
          body: text,
          ...this.#notary.sign(text),
          issuedAt: new Date(body.issuedAt),
        }),
      );
      operation.updatedAt = new Date(body.issuedAt);
      if (!isCancelled) end(operation, body);
      await settleDeferral(tx, operation, body.open);
      await tx.nativeUpdate(OperationSubjectSchema, { operationId, digest: { $in: [...held] } }, { held: true });
      if (body.outcome === 'COMPLETED') {
        // Before the commit: what the database says is done can be told to one that was restored from before.
        if (operation.kind === 'ERASURE') await this.#journal.append(erasedBy(operation, body));
        await dropIdentifiers(tx, operationId);
      }
      audit(tx, systemActor, {
        action: 'certifyOperation',
        resourceType: 'Operation',
        resourceId: operationId,
        details: { outcome: body.outcome, ...body.totals, open: body.open.length, residues: body.residues.length },
      });
    });
  }

  async #body(
    tx: EntityManager,
    operation: Operation,
    held: {
      readonly subjects: ReadonlySet<string>;
      readonly narrower: number;
      readonly selection: PermittedSelection;
    },
  ): Promise<CertificateBody> {
    const { targets, places } = await certifiedTargets(tx, operation);
    const gaps = [...(operation.plan?.gaps ?? []), ...heldIn(places, held.selection)];
    const subjects = await subjectsOf(tx, operation.id);
    const open = openPoints(targets, gaps, {
      subjects: held.subjects.size,
      narrower: held.narrower,
    });
    const isCancelled = operation.status === 'CANCELLED';
    const allFailed = targets.length > 0 && targets.every((target) => target.status === 'FAILED');
    return {
      type: 'lineward.certificate',
      version: 1,
      operationId: operation.id,
      kind: operation.kind,
      round: operation.round,
      outcome: isCancelled ? 'CANCELLED' : allFailed ? 'FAILED' : open.length === 0 ? 'COMPLETED' : 'PARTIAL',
      planHash: operation.planHash ?? '',
      requestedBy: operation.requestedBy,
      requestedAt: operation.createdAt.toISOString(),
      approvedBy: operation.approvedBy ?? '',
      approvedAt: operation.approvedAt?.toISOString() ?? '',
      issuedAt: new Date().toISOString(),
      subjects: subjects.map(({ digest, held: wasHeld }) => ({
        digest,
        held: held.subjects.has(digest) || (isCancelled && wasHeld),
      })),
      targets,
      totals: totals(targets),
      open: isCancelled ? [...open, cancelledPoint] : open,
      residues: targets.flatMap((target): readonly Residue[] => target.receipt?.residues ?? []),
    };
  }
}

const cancelledPoint: Gap = {
  code: 'CANCELLED',
  dataset: '*',
  reason: 'the operation was cancelled before it was certified; only what the receipts tell was done',
};

const erasedBy = ({ id: operationId, entityId }: Operation, { issuedAt: at, subjects }: CertificateBody) => ({
  ...{ operationId, entityId: entityId ?? null, at },
  digests: subjects.map(({ digest }) => digest),
});

function end(operation: Operation, body: CertificateBody): void {
  const reasons = body.open.map((gap) => `${gap.code}: ${gap.reason}`).join('; ');
  operation.status = body.outcome;
  operation.statusReason = reasons === '' ? null : reasons.slice(0, 4_000);
  operation.finishedAt = operation.updatedAt;
}

/** What holds that are about a place keep there, be they of after the plan. */
function heldIn(places: readonly PlaceKeys[], selection: PermittedSelection): readonly Gap[] {
  return places.flatMap((place) => {
    const local = selection.local.get(place.datasetId);
    if (local === undefined && selection.ranged.holds.length === 0) return [];
    const { keep, gaps } = permittedIn(place, selection);
    const narrower = selection.everyone === true ? 0 : keep.filter((hold) => local?.selectors.includes(hold)).length;
    const reason = `${narrower} legal hold(s) that are about this place keep records of the accounts that were asked for`;
    const open = gaps.filter(({ code }) => code === 'HOLD_ACTIVE' || code === 'HOLD_NOT_LOCATABLE');
    return narrower === 0 ? open : [...open, { code: 'HOLD_ACTIVE', dataset: place.name, reason }];
  });
}

async function certifiedTargets(
  tx: EntityManager,
  operation: Operation,
): Promise<{ readonly targets: readonly CertifiedTarget[]; readonly places: readonly PlaceKeys[] }> {
  const rows = await tx.find(
    OperationTargetSchema,
    { operationId: operation.id, round: operation.round },
    { orderBy: { sequence: 'asc', id: 'asc' } },
  );
  const datasets = await tx.find(DatasetSchema, { id: { $in: rows.map((row) => row.datasetId) } });
  const names = new Map(datasets.map((dataset) => [dataset.id, { namespace: dataset.namespace, name: dataset.name }]));
  const targets = rows.map((row: OperationTarget) => ({
    dataset: names.get(row.datasetId) ?? { namespace: '', name: row.datasetId },
    role: row.role,
    status: row.status,
    reason: row.statusReason ?? null,
    receipt: row.receipt ?? null,
    verification: row.verification ?? null,
  }));
  const places = rows.map(({ datasetId, subjectFields }) => {
    return { datasetId, name: names.get(datasetId)?.name ?? datasetId, subjectFields };
  });
  return { targets, places };
}

function totals(targets: readonly CertifiedTarget[]): CertificateBody['totals'] {
  const sum = (pick: (target: CertifiedTarget) => number | undefined): number =>
    targets.reduce((total, target) => total + (pick(target) ?? 0), 0);
  return {
    recordsErased: sum((target) => target.receipt?.recordsErased),
    recordsChanged: sum((target) => target.receipt?.recordsChanged),
    recordsKept: sum((target) => target.receipt?.recordsKept),
    filesRewritten: sum((target) => target.receipt?.filesRewritten),
    survivors: sum((target) => target.verification?.survivors),
    lost: sum((target) => target.verification?.lost),
  };
}
