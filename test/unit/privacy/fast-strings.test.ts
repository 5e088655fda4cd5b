import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

describe('strings of a process that has loaded the product', () => {
  it('keep the short way of V8, which one class that extends String anywhere closes', async () => {
    const flags = ['--import', 'tsx', '--trace-protector-invalidation', '--input-type=module'];
    const script = "await import('./src/app.ts'); process.stdout.write('loaded'); process.exit(0);";
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, '--eval', script]);
    expect(stdout).toContain('loaded');
    expect(stdout).not.toContain('StringWrapperToPrimitive');
  }, 60_000);
});
