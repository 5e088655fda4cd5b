import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { retryDelayMs, secretText, signedHeaders, testMessage } from '../../../src/domain/changes/webhook-message.ts';

const secrets = [Buffer.alloc(32, 7), Buffer.alloc(32, 9)];
const message = testMessage('id', new Date(0));
const headers = signedHeaders(message, secrets, new Date(1_000_000));

/** The lines of a language in the documentation, as readers copy them. */
function documented(language: string): string {
  const [, lines = ''] =
    new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(readFileSync('docs/changes.md', 'utf8')) ?? [];
  return lines;
}
/** Whether each of these is genuine to a program: by either secret, by another, with another body, without the old one. */
const questions = [
  [secretText(secrets[0] ?? Buffer.of()), message.body],
  [secretText(secrets[1] ?? Buffer.of()), message.body],
  [secretText(Buffer.alloc(32, 8)), message.body],
  [secretText(secrets[0] ?? Buffer.of()), `${message.body} `],
];
const answers = '[true,true,false,false]';

describe('a signature', () => {
  test('is that of the example of the standard', () => {
    const example = {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      body: '{"test": 2432232314}',
    };
    const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
    expect(signedHeaders(example, [key], new Date(1_614_265_330_000))).toMatchObject({
      'webhook-id': example.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  test('is verified by the lines for Node in the documentation', () => {
    const program = `${documented('js')}
      console.log(JSON.stringify(${JSON.stringify(questions)}.map(([secret, body]) => isGenuine(secret, ${JSON.stringify(headers)}, body))));`;
    expect(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }).trim()).toBe(
      answers,
    );
  });

  test.skipIf(spawnSync('python3', ['--version']).status !== 0)('is verified by the lines for Python', () => {
    const program = `${documented('python')}
import json
print(json.dumps([is_genuine(secret, ${JSON.stringify(headers)}, body) for secret, body in json.loads(${JSON.stringify(JSON.stringify(questions))})], separators=(",", ":")))`;
    expect(execFileSync('python3', ['-c', program], { encoding: 'utf8' }).trim()).toBe(answers);
  });
});

describe('the next attempt', () => {
  test('waits twice as long each time, up to an hour, and never as long as all others', () => {
    expect([1, 2, 3, 12, 13, 1_000].map((attempts) => retryDelayMs(attempts, 1))).toEqual([
      ...[1_000, 2_000, 4_000, 2_048_000, 3_600_000, 3_600_000],
    ]);
    expect(retryDelayMs(5, 0)).toBe(8_000);
  });
});
