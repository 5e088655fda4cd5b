import { describe, expect, it } from 'vitest';
import { asksForDigest, type FileRecord, moveFile, recoveryOf } from '../../../src/domain/lake/file-state.ts';

const source = { bytes: 10, version: '1:1' };
const other = { bytes: 10, version: '2:2' };
const staged = (state: FileRecord['state']): FileRecord => ({ state, source, stagedSha256: 'abc' });
const removal: FileRecord = { state: 'STAGED', source, stagedSha256: null };

describe('recovery of a lake file', () => {
  it.each(['PLANNED', 'STAGED', 'SWAPPED'] as const)(
    'stages again when the source is untouched in state %s',
    (state) => {
      expect(recoveryOf(staged(state), { identity: source, sha256: null })).toBe('REDO');
    },
  );
  it.each(['STAGED', 'SWAPPED'] as const)('takes the staged content at the path for a finished swap in %s', (state) => {
    expect(recoveryOf(staged(state), { identity: other, sha256: 'abc' })).toBe('MARK_SWAPPED');
  });
  it('replans a file that somebody else wrote', () => {
    expect(recoveryOf(staged('STAGED'), { identity: other, sha256: 'def' })).toBe('REPLAN');
    expect(recoveryOf({ ...staged('PLANNED'), stagedSha256: null }, { identity: other, sha256: 'abc' })).toBe('REPLAN');
  });
  it('takes a missing file for a finished removal only when a removal was staged', () => {
    expect(recoveryOf(removal, { identity: null, sha256: null })).toBe('MARK_SWAPPED');
    expect(recoveryOf(staged('STAGED'), { identity: null, sha256: null })).toBe('REPLAN');
    expect(recoveryOf({ ...removal, state: 'PLANNED' }, { identity: null, sha256: null })).toBe('REPLAN');
  });
  it('never takes unknown content for a removal', () => {
    expect(recoveryOf(removal, { identity: other, sha256: null })).toBe('REPLAN');
  });
  it.each(['VERIFIED', 'SKIPPED', 'OPEN'] as const)('leaves %s files alone', (state) => {
    expect(recoveryOf(staged(state), { identity: other, sha256: 'def' })).toBe('DONE');
  });
  it('asks for the digest only when it decides', () => {
    expect(asksForDigest(staged('STAGED'), other)).toBe(true);
    expect(asksForDigest(staged('STAGED'), source)).toBe(false);
    expect(asksForDigest(staged('STAGED'), null)).toBe(false);
    expect(asksForDigest(removal, other)).toBe(false);
    expect(asksForDigest(staged('VERIFIED'), other)).toBe(false);
  });
});

describe('states of a lake file', () => {
  it('go forward one by one and back to PLANNED', () => {
    expect(moveFile('PLANNED', 'STAGED')).toBe('STAGED');
    expect(moveFile('STAGED', 'PLANNED')).toBe('PLANNED');
  });
  it('do not skip the check', () => {
    expect(() => moveFile('STAGED', 'VERIFIED')).toThrow(expect.objectContaining({ code: 'OPERATION_STATE' }));
    expect(() => moveFile('VERIFIED', 'PLANNED')).toThrow(expect.objectContaining({ code: 'OPERATION_STATE' }));
  });
});
