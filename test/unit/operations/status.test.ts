import { describe, expect, it } from 'vitest';
import {
  finalStatuses,
  mayBecome,
  type OperationStatus,
  operationStatuses,
  workingStatuses,
} from '../../../src/domain/operations/status.ts';

const nextOf = (from: OperationStatus) => operationStatuses.filter((to) => mayBecome(from, to));

describe('the status of an operation', () => {
  it('goes the whole way from request to completion', () => {
    const path = ['REQUESTED', 'PLANNING', 'PLANNED', 'APPROVED', 'EXECUTING', 'VERIFYING', 'COMPLETED'] as const;
    for (const [index, to] of path.slice(1).entries()) expect(mayBecome(path[index]!, to)).toBe(true);
  });

  it('is final once completed or cancelled, and may be retried from the other ends', () => {
    expect(finalStatuses.map((status) => [status, nextOf(status)])).toEqual([
      ['COMPLETED', []],
      ['PARTIAL', ['REQUESTED']],
      ['BLOCKED', ['REQUESTED']],
      ['FAILED', ['REQUESTED']],
      ['CANCELLED', []],
    ]);
  });

  it('may become cancelled wherever it has not ended', () => {
    const cancellable = operationStatuses.filter((status) => mayBecome(status, 'CANCELLED'));
    expect(cancellable).toEqual(operationStatuses.filter((status) => !finalStatuses.includes(status)));
  });

  it('never reaches execution without an approval', () => {
    const before = operationStatuses.filter((status) => mayBecome(status, 'EXECUTING'));
    expect(before).toEqual(['APPROVED']);
    expect(operationStatuses.filter((status) => mayBecome(status, 'APPROVED'))).toEqual(['PLANNED']);
  });

  it('waits for a person only where a plan lies open or all is over', () => {
    const waiting = operationStatuses.filter((status) => !workingStatuses.includes(status));
    expect(waiting).toEqual(['PLANNED', ...finalStatuses]);
  });
});
