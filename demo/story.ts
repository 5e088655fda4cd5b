import { setTimeout as sleep } from 'node:timers/promises';
import { DemoClient } from './client.ts';
import { exampleMessage, versionOne, versionTwo } from './documents.ts';
import { ErasureStory } from './erasure-story.ts';
import type { Narrator } from './narrator.ts';
import type { Parts } from './parts.ts';
import * as queries from './queries.ts';
import { heldAccount, type SampleMessage } from './sample-data.ts';
import { anyRow, rowsByAccount } from './scan.ts';

const batchSize = 500;
const landingTimeoutMs = 60_000;

/** The story from registration to certificate, told step by step while it happens; the erasure is a chapter of its own. */
export class Story {
  readonly #narrator: Narrator;
  readonly #parts: Parts;
  readonly #client: DemoClient;
  readonly #raw: string;
  readonly #clean: string;
  #entityId = '';
  #tableId = '';
  #tableName = '';

  constructor(narrator: Narrator, parts: Parts) {
    this.#narrator = narrator;
    this.#parts = parts;
    const { main, produce } = parts.app.urls;
    this.#client = new DemoClient({ main, produce: produce ?? '' });
    // A cluster of the user's own may hold the topics of an earlier run.
    const suffix = process.env.KAFKA_BROKERS ? `.${Date.now()}` : '';
    this.#raw = `SparkSummit.Demo.Raw${suffix}`;
    this.#clean = `SparkSummit.Demo${suffix}`;
  }

  async tell(messages: readonly SampleMessage[]): Promise<void> {
    await this.#register();
    await this.#protect();
    await this.#connect();
    await this.#hold();
    const before = await this.#produce(messages);
    await this.#look(before);
    const stage = {
      narrator: this.#narrator,
      parts: this.#parts,
      client: this.#client,
      cleanTopic: this.#clean,
      tableName: this.#tableName,
    };
    await new ErasureStory(stage).tell(messages, before);
  }

  async #register(): Promise<void> {
    this.#narrator.step('Register versions 1 and 2 of the sample entity');
    for (const document of [versionOne, versionTwo]) {
      const { registerEntityVersion: done } = await this.#client.graphql<{
        registerEntityVersion: {
          entity: { id: string; fullName: string; aliases: string[] };
          version: {
            number: number;
            fields: { nodes: { path: string; semanticType: string | null; classifications: string[] }[] };
          };
        };
      }>(queries.register, { input: { document, aliases: ['SparkSummit.Demo'] } });
      this.#entityId = done.entity.id;
      const personal = done.version.fields.nodes.filter((field) => field.classifications.includes('PII'));
      this.#narrator.fact(
        `${done.entity.fullName} version ${done.version.number}: ${done.version.fields.nodes.length} fields, personal: ${personal.map((field) => `${field.path} (${field.semanticType})`).join(', ')}`,
      );
    }
  }

  async #protect(): Promise<void> {
    this.#narrator.step('Redact and encrypt: what the policies leave of one message');
    const input = exampleMessage;
    const redacted = await this.#preview(input);
    this.#narrator.table([
      ['field', 'as sent', 'as redacted'],
      ...(['to', 'from', 'message_body', 'email'] as const).map((name) => [
        name,
        input[name],
        JSON.stringify(redacted[name]),
      ]),
    ]);
    this.#narrator.check(
      'numbers lose their last four digits, the text is gone',
      redacted.to === '+1123456XXXX' && redacted.from === '+35123456XXXX' && redacted.message_body === '',
    );
    await this.#client.graphql(queries.setPolicy, {
      input: { scope: 'ENTITY', scopeName: 'Demo.SparkSummit', semanticType: 'customertext', action: 'ENCRYPT' },
    });
    const body = String((await this.#preview(input)).message_body);
    this.#narrator.fact(`with the policy ENCRYPT for customer text: message_body = ${body.slice(0, 60)}…`);
    this.#narrator.check('the envelope is bound to the account', body.startsWith('eyJjcnlwdG9faWQiOjEsInNpZCI6'));
  }

  async #preview(sample: object): Promise<Record<string, unknown>> {
    const answer = await this.#client.graphql<{ previewProtection: { protected: Record<string, unknown> } }>(
      queries.preview,
      { entityId: this.#entityId, sample },
    );
    return answer.previewProtection.protected;
  }

  async #connect(): Promise<void> {
    const keys = { entityId: this.#entityId, accountField: 'account_sid', subjectFields: ['user_id'] };
    const { brokers } = this.#parts;
    this.#narrator.step(
      brokers === null ? 'Declare the way: HTTP intake → lake' : 'Declare the way: raw topic → protected topic → lake',
    );
    if (brokers !== null) {
      await this.#client.graphql(queries.createProtection, {
        input: { ...keys, sourceTopic: this.#raw, targetTopic: this.#clean, partitions: 3 },
      });
      this.#narrator.fact(`${this.#raw} → ${this.#clean}, exactly once, under the policies`);
    }
    const landing = await this.#client.graphql<{
      createLakeLanding: { stream: { target: { id: string; name: string } } };
    }>(queries.createLanding, {
      input: {
        ...keys,
        ...(brokers === null ? {} : { sourceTopic: this.#clean }),
        area: 'messaging',
        dateField: 'date_created',
      },
    });
    this.#tableId = landing.createLakeLanding.stream.target.id;
    this.#tableName = landing.createLakeLanding.stream.target.name;
    this.#narrator.fact(`→ lake ${this.#tableName}`);
    const { lineage } = await this.#client.graphql<{
      lineage: { complete: boolean; nodes: unknown[]; edges: unknown[] };
    }>(queries.lineage, { start: this.#tableId });
    this.#narrator.fact(
      `lineage upstream of the table: ${lineage.nodes.length} datasets, ${lineage.edges.length} edges, complete: ${lineage.complete}`,
    );
  }

  async #hold(): Promise<void> {
    this.#narrator.step(`Place a legal hold on account ${heldAccount}`);
    await this.#client.graphql(queries.placeHold, {
      input: { matterId: 'MATTER-2018-17', reason: 'pending litigation', scope: { accountId: heldAccount } },
    });
    this.#narrator.fact('nothing of this account may be erased until it is released');
  }

  async #produce(messages: readonly SampleMessage[]): Promise<ReadonlyMap<string, number>> {
    const way = this.#parts.brokers === null ? 'HTTP intake' : 'produce API';
    this.#narrator.step(`Send ${messages.length} messages over HTTP to the ${way}`);
    const bad = { ...exampleMessage, to: 42 };
    const refusedAlone = await this.#send([bad]);
    this.#narrator.check(
      `a message that does not fit is refused by itself: ${refusedAlone.reason ?? 'not refused'}`,
      refusedAlone.refused === 1,
    );
    let accepted = 0;
    for (let start = 0; start < messages.length; start += batchSize) {
      const batch = messages.slice(start, start + batchSize);
      accepted += batch.length - (await this.#send(batch)).refused;
    }
    this.#narrator.check(`${accepted} of ${messages.length} accepted`, accepted === messages.length);
    await this.#landed(messages.length);
    return rowsByAccount(this.#parts.lakeRoot, this.#tableName);
  }

  async #send(batch: readonly object[]): Promise<{ refused: number; reason: string | null }> {
    if (this.#parts.brokers === null) {
      const { body } = await this.#client.post<{ results: { ok: boolean; message?: string }[] }>(
        'main',
        '/api/v1/entities/Demo.SparkSummit/records',
        { records: batch },
      );
      const refused = body.results.filter((result) => !result.ok);
      return { refused: refused.length, reason: refused[0]?.message ?? null };
    }
    const records = batch.map((value) => ({ key: (value as SampleMessage).sid, value }));
    const { status, body } = await this.#client.post<{ offsets?: { error: string | null }[]; message?: string }>(
      'produce',
      `/topics/${this.#raw}`,
      { records },
      'application/vnd.kafka.json.v2+json',
    );
    if (body.offsets === undefined) throw new Error(`the produce API answered ${status}: ${body.message ?? ''}`);
    const refused = body.offsets.filter((offset) => offset.error !== null);
    return { refused: refused.length, reason: refused[0]?.error ?? null };
  }

  async #landed(expected: number): Promise<void> {
    for (let waitedMs = 0; waitedMs < landingTimeoutMs; waitedMs += 200) {
      const { node } = await this.#client.graphql<{
        node: { lakeTable: { files: number; rows: number; bytes: number; indexedFiles: number } };
      }>(queries.lakeTable, { id: this.#tableId });
      const { files, rows, bytes, indexedFiles } = node.lakeTable;
      if (rows >= expected && indexedFiles === files) {
        this.#narrator.fact(
          `landed: ${rows} rows in ${files} Parquet files by day, ${(bytes / 1024).toFixed(0)} KiB, ${indexedFiles} files indexed`,
        );
        return;
      }
      await sleep(200);
    }
    throw new Error(`the messages did not land within ${landingTimeoutMs / 1_000} s`);
  }

  async #look(before: ReadonlyMap<string, number>): Promise<void> {
    this.#narrator.step('Look at the lake');
    this.#narrator.table([['account', 'rows'], ...before]);
    const row = await anyRow(this.#parts.lakeRoot, this.#tableName);
    this.#narrator.fact(
      `one row: to ${String(row.to)}, from ${String(row.from)}, email ${String(row.email)}, message_body ${String(row.message_body).slice(0, 32)}…`,
    );
    this.#narrator.check(
      'no clear number or text reached it',
      /XXXX$/.test(String(row.to)) && String(row.message_body).startsWith('eyJjcnlwdG9faWQi'),
    );
  }
}
