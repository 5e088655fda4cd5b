import { z } from 'zod';
import { auditActions } from '../audit/audit-action.ts';
import type { AuditRecord } from '../audit/sealed-event.ts';
import { globalId, nodeTypes } from '../global-id.ts';
import { type OperationStatus, operationStatuses } from '../operations/status.ts';
import type { ChangeType } from './change-type.ts';

/** Something that was changed, as whoever may DISCOVER can know it. */
export interface Change {
  /** Place of its event in the audit log, which orders all changes; others lie between. */
  readonly seq: number;
  readonly type: ChangeType;
  /** RFC 3339 in UTC with microseconds. */
  readonly at: string;
  readonly actorId: string;
  readonly action: string;
  readonly resourceType: string;
  /** Global id, where it is a node. */
  readonly resourceId: string | null;
  /** Name of what is known by a name, e.g. a subject of the schema registry. */
  readonly resourceName: string | null;
  /** Of an operation, then. */
  readonly status: OperationStatus | null;
}

/** What is known by its name and is no node; ids of other rows say nothing to clients. */
const named = ['ApprovalPolicy', 'Catalog', 'Context', 'SemanticType', 'Subject', 'SubjectVersion'];

const record = z.object({
  at: z.string(),
  actor: z.object({ id: z.string() }),
  action: z.string(),
  resource: z.object({ type: z.string(), id: z.string().nullable() }),
  details: z.unknown(),
});
const operationDetails = z.object({
  status: z.enum(operationStatuses).optional(),
  outcome: z.enum(operationStatuses).optional(),
  dryRun: z.boolean().optional(),
});

/** What an audit event is in the feed; null where it is not for it. */
export function changeTypeOf({ action, outcome, details }: AuditRecord): ChangeType | null {
  const type = Object.hasOwn(auditActions, action) ? auditActions[action as keyof typeof auditActions] : null;
  if (action === 'planOperation' || action === 'approveOperation') {
    const { status, dryRun = false } = detailsOf(details);
    if (outcome !== 'SUCCESS' || dryRun) return 'OPERATION_ENDED';
    return status === 'PLANNED' ? 'OPERATION_AWAITS_APPROVAL' : type;
  }
  // A plan in which everything is held is a refusal, and the end of the operation all the same.
  return outcome === 'SUCCESS' || action === 'blockOperation' ? type : null;
}

/** The change that a sealed record tells of, and nothing else of it. */
export function changeOf(seq: number, type: ChangeType, text: string): Change {
  const { at, actor, action, resource, details } = record.parse(JSON.parse(text));
  const node = nodeTypes.find((candidate) => candidate === resource.type);
  const { status, outcome } = resource.type === 'Operation' ? detailsOf(details) : {};
  return {
    ...{ seq, type, at, actorId: actor.id, action, resourceType: resource.type },
    resourceId: node === undefined || resource.id === null ? null : globalId(node, resource.id),
    resourceName: named.includes(resource.type) ? resource.id : null,
    status: status ?? outcome ?? null,
  };
}

function detailsOf(details: unknown): z.infer<typeof operationDetails> {
  return operationDetails.safeParse(details).data ?? {};
}
