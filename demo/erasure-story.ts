import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DemoClient } from './client.ts';
import type { Narrator } from './narrator.ts';
import type { Parts } from './parts.ts';
import * as queries from './queries.ts';
import { erasedAccount, heldAccount, type SampleMessage } from './sample-data.ts';
import { rowsByAccount, topicView } from './scan.ts';

type Operation = queries.OperationNow;

/** What is worth telling of a place at this moment, null when nothing is. */
function progressOf({ dataset, status, receipt, verification }: Operation['targets']['nodes'][number]): string | null {
  if (status === 'EXECUTING') return `${dataset.name}: at work`;
  if (status === 'EXECUTED' && receipt !== null) {
    const files = receipt.filesRewritten > 0 ? `, ${receipt.filesRewritten} files rewritten` : '';
    return `${dataset.name}: ${receipt.recordsErased} records erased${files}`;
  }
  if (status === 'VERIFIED' && verification !== null) {
    return `${dataset.name}: read back, ${verification.survivors} survivors and ${verification.lost} lost in ${verification.recordsScanned} records`;
  }
  return status === 'FAILED' || status === 'CANCELLED' ? `${dataset.name}: ${status}` : null;
}

/** Where the erasure takes place. */
export interface Stage {
  readonly narrator: Narrator;
  readonly parts: Parts;
  readonly client: DemoClient;
  readonly cleanTopic: string;
  readonly tableName: string;
}

/** Plan, approval, erasure, certificate, and the proof by other means. */
export class ErasureStory {
  readonly #stage: Stage;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async tell(messages: readonly SampleMessage[], before: ReadonlyMap<string, number>): Promise<void> {
    const planned = await this.#plan();
    await this.#erase(planned);
    await this.#prove(messages, before);
    await this.#again();
  }

  async #plan(): Promise<Operation> {
    this.#stage.narrator.step(`Request the erasure of ${erasedAccount}, and of ${heldAccount} which is held`);
    const blocked = await this.#request(
      heldAccount,
      (operation) => operation.status === 'BLOCKED' || operation.status === 'PLANNED',
    );
    this.#stage.narrator.check(
      `${heldAccount}: ${blocked.status}, ${blocked.statusReason ?? ''}`,
      blocked.status === 'BLOCKED',
    );
    const planned = await this.#request(erasedAccount, (operation) => operation.status === 'PLANNED');
    this.#stage.narrator.fact(
      `${erasedAccount}: ${planned.status}, plan ${planned.planHash?.slice(0, 16)}…, ${planned.gaps.length} gap(s)`,
    );
    this.#stage.narrator.table([
      ['place', 'action', 'files', 'records'],
      ...planned.targets.nodes.map((target) => [
        target.dataset.name,
        target.estimate.action,
        target.estimate.files,
        target.estimate.records,
      ]),
    ]);
    return planned;
  }

  async #request(accountId: string, isThere: (operation: Operation) => boolean): Promise<Operation> {
    const { requestErasure } = await this.#stage.client.graphql<{ requestErasure: { operation: { id: string } } }>(
      queries.requestErasure,
      {
        input: {
          subjects: [{ accountId }],
          reason: 'customer left',
          idempotencyKey: `demo-${accountId}-${Date.now()}`,
        },
      },
    );
    return this.#follow(requestErasure.operation.id, isThere, () => {});
  }

  async #follow(
    id: string,
    isLast: (operation: Operation) => boolean,
    each: (operation: Operation) => void,
  ): Promise<Operation> {
    const ended = ['COMPLETED', 'PARTIAL', 'BLOCKED', 'FAILED', 'CANCELLED'];
    const data = await this.#stage.client.follow<{ operationUpdated: Operation }>(
      queries.operationUpdated,
      { id },
      ({ operationUpdated }) => each(operationUpdated),
      ({ operationUpdated }) => isLast(operationUpdated) || ended.includes(operationUpdated.status),
    );
    return data.operationUpdated;
  }

  async #erase(planned: Operation): Promise<void> {
    this.#stage.narrator.step('Approve the plan; erase, place by place; verify');
    await this.#stage.client.graphql(queries.approve, { input: { id: planned.id, planHash: planned.planHash } });
    const told = new Set<string>();
    const done = await this.#follow(
      planned.id,
      () => false,
      (operation) => {
        for (const target of operation.targets.nodes) {
          const line = progressOf(target);
          if (line !== null && !told.has(line)) this.#stage.narrator.fact(line);
          if (line !== null) told.add(line);
        }
      },
    );
    this.#stage.narrator.check(
      `operation ${done.status}${done.statusReason === null ? '' : `: ${done.statusReason}`}`,
      done.status === 'COMPLETED',
    );
    await this.#certificate(done);
  }

  async #certificate(done: Operation): Promise<void> {
    this.#stage.narrator.step('The certificate');
    if (done.certificate === null) return this.#stage.narrator.check('a certificate was issued', false);
    const { body } = done.certificate;
    const file = join(this.#stage.parts.dataDir, 'certificate.json');
    await writeFile(file, `${JSON.stringify(done.certificate, null, 2)}\n`);
    const { outcome, totals } = body;
    this.#stage.narrator.fact(
      `${outcome}: ${totals.recordsErased} records erased, ${totals.survivors} survivors, ${totals.lost} lost`,
    );
    for (const residue of body.residues)
      this.#stage.narrator.fact(`residue in ${residue.dataset} until ${residue.until ?? 'unknown'}: ${residue.reason}`);
    const cli = fileURLToPath(
      new URL(import.meta.url.endsWith('.ts') ? '../src/cli/main.ts' : '../src/cli/main.js', import.meta.url),
    );
    const { stdout } = await promisify(execFile)(process.execPath, [cli, 'audit', 'verify', file]).catch(
      (error: unknown) => ({ stdout: String(error) }),
    );
    this.#stage.narrator.fact(`npx lineward audit verify ${file}`);
    for (const line of stdout.trim().split('\n')) this.#stage.narrator.fact(`  ${line}`);
    this.#stage.narrator.check('the certificate verifies on its own', stdout.startsWith('valid'));
  }

  async #prove(messages: readonly SampleMessage[], before: ReadonlyMap<string, number>): Promise<void> {
    this.#stage.narrator.step(
      'Prove it by other means: a plain DuckDB query over the files, a plain scan of the topic',
    );
    const after = await rowsByAccount(this.#stage.parts.lakeRoot, this.#stage.tableName);
    const clean =
      this.#stage.parts.brokers === null ? null : await topicView(this.#stage.parts.brokers, this.#stage.cleanTopic);
    const sent = new Map(
      [...Map.groupBy(messages, (message) => message.account_sid)].map(([account, members]) => [
        account,
        members.length,
      ]),
    );
    this.#stage.narrator.table([
      ['account', 'sent', 'lake before', 'lake after', 'topic view'],
      ...[...sent.keys()]
        .sort()
        .map((account) => [
          account,
          sent.get(account) ?? 0,
          before.get(account) ?? 0,
          after.get(account) ?? 0,
          clean === null ? '-' : (clean.get(account) ?? 0),
        ]),
    ]);
    this.#stage.narrator.check(
      `${erasedAccount} has no row in the lake`,
      (after.get(erasedAccount) ?? 0) === 0 && (before.get(erasedAccount) ?? 0) === sent.get(erasedAccount),
    );
    this.#stage.narrator.check(
      `${heldAccount}, held, has all its rows`,
      after.get(heldAccount) === sent.get(heldAccount),
    );
    const others = [...sent.keys()].filter((account) => account !== erasedAccount);
    this.#stage.narrator.check(
      'nobody else lost a row',
      others.every((account) => after.get(account) === sent.get(account)),
    );
    if (clean !== null) {
      this.#stage.narrator.check(
        `${erasedAccount} is gone from the view of the protected topic, others are not`,
        !clean.has(erasedAccount) && others.every((account) => clean.get(account) === sent.get(account)),
      );
    }
  }

  async #again(): Promise<void> {
    this.#stage.narrator.step('Ask for the same erasure again');
    const planned = await this.#request(erasedAccount, (operation) => operation.status === 'PLANNED');
    await this.#stage.client.graphql(queries.approve, { input: { id: planned.id, planHash: planned.planHash } });
    const done = await this.#follow(
      planned.id,
      () => false,
      () => {},
    );
    const erased = done.certificate?.body.totals.recordsErased;
    this.#stage.narrator.check(
      `${done.status} with ${erased ?? '?'} records: nothing was left to erase`,
      done.status === 'COMPLETED' && erased === 0,
    );
  }
}
