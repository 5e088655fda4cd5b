import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { auditActions } from '../../../src/domain/audit/audit-action.ts';
import type { AuditRecord } from '../../../src/domain/audit/sealed-event.ts';
import { changeOf, changeTypeOf } from '../../../src/domain/changes/change.ts';
import { changeTypeNames } from '../../../src/domain/changes/change-type.ts';
import { newId } from '../../../src/domain/id.ts';

const record = (given: Partial<AuditRecord>): AuditRecord => ({
  ...{ id: newId(), at: '2026-11-26T12:00:00.000001Z', actor: { id: 'ann', kind: 'token' }, action: 'mapEntity' },
  ...{ resource: { type: 'Mapping', id: newId() }, outcome: 'SUCCESS', details: {}, requestId: null },
  ...given,
});

describe('the change feed', () => {
  test('keeps out what only some may know', () => {
    const out = Object.entries(auditActions).flatMap(([action, type]) => (type === null ? [action] : []));
    expect(out).toEqual([
      ...[
        'createAccessPolicy',
        'createApiToken',
        'createWebhook',
        'decrypt',
        'delegateApproval',
        'deleteWebhook',
        'destroyKeysAgain',
        'dropIdentifiers',
        'encrypt',
      ],
      ...[
        'exportAuditLog',
        'openLakeRead',
        'pauseWebhook',
        'placeLegalHold',
        'previewTransformer',
        'readLakeRows',
        'readReport',
        'redact',
        'refuseAccess',
        'refuseApproval',
        'refuseLogins',
        'releaseLegalHold',
        'replaceAccessPolicy',
        'replayErasureLedger',
      ],
      ...[
        'requestHoldRelease',
        'requestLedgerReplay',
        'resumeWebhook',
        'retireAccessPolicy',
        'revokeApiToken',
        'revokeApprovalDelegation',
        'rewrapAccountKeys',
        'rotateAccountKey',
      ],
      ...['rotateWebhookSecret', 'sampleTopic', 'testWebhook'],
    ]);
    for (const action of [...out, 'neverHeardOf', 'constructor', '__proto__'])
      for (const outcome of ['SUCCESS', 'REFUSED', 'FAILED'])
        expect(changeTypeOf(record({ action, outcome })), action).toBeNull();
  });

  test('uses each type that it describes', () => {
    const used = new Set<string | null>(Object.values(auditActions));
    expect(changeTypeNames.filter((type) => !used.has(type))).toEqual([]);
  });

  test('knows no action that nothing writes', () => {
    const source = readdirSync('src/services', { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join('src/services', name), 'utf8'))
      .join('\n');
    const isWritten = (action: string): boolean =>
      source.includes(`'${action}'`) || source.includes(`\`${action.replace(/Entity(Version)?$/, '')}\${`);
    expect(Object.keys(auditActions).filter((action) => !isWritten(action))).toEqual([]);
  });

  test('leaves out what was refused or failed, but for the end of an operation', () => {
    expect(changeTypeOf(record({}))).toBe('MAPPING_CHANGED');
    expect(changeTypeOf(record({ outcome: 'FAILED' }))).toBeNull();
    expect(changeTypeOf(record({ action: 'replayStream', outcome: 'REFUSED' }))).toBeNull();
    expect(changeTypeOf(record({ action: 'blockOperation', outcome: 'REFUSED' }))).toBe('OPERATION_ENDED');
  });

  test.each([
    ['planOperation', 'SUCCESS', { status: 'PLANNED', dryRun: false }, 'OPERATION_AWAITS_APPROVAL'],
    ['planOperation', 'SUCCESS', { status: 'PLANNED', dryRun: true }, 'OPERATION_ENDED'],
    ['planOperation', 'SUCCESS', {}, 'OPERATION_AWAITS_APPROVAL'],
    ['planOperation', 'FAILED', { status: 'FAILED' }, 'OPERATION_ENDED'],
    ['approveOperation', 'SUCCESS', { status: 'PLANNED' }, 'OPERATION_AWAITS_APPROVAL'],
    ['approveOperation', 'SUCCESS', { status: 'APPROVED' }, 'OPERATION_APPROVED'],
    ['certifyOperation', 'SUCCESS', { outcome: 'PARTIAL' }, 'OPERATION_ENDED'],
  ])('tells of %s, %s, %o as %s', (action, outcome, details, type) => {
    expect(changeTypeOf(record({ action, outcome, details }))).toBe(type);
  });

  test('tells of an event who, what and when, and none of its details', () => {
    const id = newId();
    const operation = record({
      action: 'certifyOperation',
      resource: { type: 'Operation', id },
      details: { outcome: 'PARTIAL', reason: 'hidden' },
    });
    expect(changeOf(7, 'OPERATION_ENDED', JSON.stringify(operation))).toEqual({
      ...{ seq: 7, type: 'OPERATION_ENDED', at: '2026-11-26T12:00:00.000001Z', actorId: 'ann' },
      ...{ action: 'certifyOperation', resourceType: 'Operation' },
      ...{ resourceId: Buffer.from(`Operation:${id}`).toString('base64url'), resourceName: null, status: 'PARTIAL' },
    });
    const named = record({ action: 'registerSchema', resource: { type: 'SubjectVersion', id: 'calls-value/3' } });
    expect(changeOf(8, 'SCHEMA_REGISTERED', JSON.stringify(named))).toMatchObject({
      ...{ resourceId: null, resourceName: 'calls-value/3', status: null },
    });
    const rowOnly = record({ action: 'putAssociation', resource: { type: 'Association', id: newId() } });
    expect(changeOf(9, 'ASSOCIATION_CHANGED', JSON.stringify(rowOnly))).toMatchObject({
      ...{ resourceId: null, resourceName: null },
    });
  });
});
