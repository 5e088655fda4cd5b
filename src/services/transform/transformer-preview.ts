import type { EntityManager } from '@mikro-orm/postgresql';
import type { Actor } from '../../domain/access/actor.ts';
import { printExactJson, readExactJson } from '../../domain/exact-json.ts';
import { newId } from '../../domain/id.ts';
import { isRecord } from '../../domain/kafka/record-content.ts';
import { maskedValue, maskRecord } from '../../domain/privacy/mask-record.ts';
import type { SourceFacts } from '../../domain/transform/spec-facts.ts';
import { originColumn } from '../../domain/transform/transform-plan.ts';
import type { FilesSpec } from '../../domain/transform/transformer-spec.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import type { KafkaGateway, KafkaMessage } from '../kafka/ports.ts';
import type { RecordReader } from '../kafka/record-reader.ts';
import { keysOf } from '../kafka/stream.read-model.ts';
import type { LakeStore } from '../lake/ports.ts';
import type { ProtectionReadModel } from '../privacy/protection.read-model.ts';
import type { ProtectionService } from '../privacy/protection.service.ts';
import { nobody } from './erased-subjects.ts';
import type { PreviewResult, TransformEngine } from './ports.ts';
import { previewLookups } from './preview-lookups.ts';
import type { PreviewMask, PreviewMasks } from './preview-mask.ts';
import { listed, sourceFormOf } from './source-files.ts';
import { SourceRecords } from './source-records.ts';
import type { SourceRights } from './source-rights.ts';
import { stagedLines } from './staged-lines.ts';
import { invalid } from './transformer.service.ts';
import type { GivenTransformer, KnownTransformer } from './transformer-facts.ts';

export interface PreviewTransformer extends GivenTransformer {
  /** Records of the first source as JSON objects; null takes some of the newest of each topic. */
  readonly records: readonly string[] | null;
}

/** Rows before and after. */
export interface TransformerPreview extends PreviewResult {
  readonly before: readonly string[];
}

export interface PreviewDeps {
  readonly em: EntityManager;
  readonly store: LakeStore;
  readonly engine: TransformEngine;
  readonly kafka: Pick<KafkaGateway, 'offsets' | 'scan'>;
  readonly records: RecordReader;
  readonly policies: Pick<ProtectionReadModel, 'planOf'>;
  readonly protection: Pick<ProtectionService, 'protectTexts'>;
  readonly masks: PreviewMasks;
  readonly rights: Pick<SourceRights, 'check'>;
}

const recordsMax = 100;
const recordCharsMax = 100_000;
const sampleMs = 10_000;

/** Shows what a document makes of some records. Nothing of it is kept; of topics only what policies leave is shown, and masked what not everybody may see. */
export class TransformerPreviewer {
  readonly #deps: PreviewDeps;

  constructor(deps: PreviewDeps) {
    this.#deps = deps;
  }

  /** @throws LinewardError TRANSFORMER_INVALID, BAD_INPUT, LIMIT_EXCEEDED */
  async preview(actor: Actor, given: PreviewTransformer): Promise<TransformerPreview> {
    const checked = await this.#deps.rights.check(actor, given, { isNew: false, what: 'previewTransformer' });
    if (!checked.ok) throw invalid(checked.issues);
    const { records } = given;
    if (records !== null && checked.lookups.length === 0)
      return this.#shape(checked, [await this.#protect(checked, 0, records, false)], null);
    const mask = await this.#deps.masks.of(actor, checked);
    if (records !== null) assertClear(checked, mask);
    await this.#tell(actor, checked, mask);
    if (records === null) return this.#shape(checked, await this.#sample(checked), mask);
    return this.#shape(checked, [await this.#protect(checked, 0, records, false)], null);
  }

  /** Values are about to be shown to somebody; where that cannot be written down they are not. */
  async #tell(actor: Actor, { spec, sources, lookups }: KnownTransformer, { clear }: PreviewMask): Promise<void> {
    await this.#deps.em.fork().transactional(async (tx) => {
      const details = { name: spec.name, sources: [...sources, ...lookups].map(({ place }) => place.name), clear };
      audit(tx, actor, { action: 'previewTransformer', resourceType: 'Transformer', resourceId: null, details });
    });
  }

  async #shape(
    known: KnownTransformer,
    lines: readonly (readonly string[])[],
    mask: PreviewMask | null,
  ): Promise<TransformerPreview> {
    const { store, engine } = this.#deps;
    const { compiled } = known;
    const folder = `_lineward/preview/${newId()}`;
    const staged = lines.map((_, index) => `${folder}/${index}.staged`);
    try {
      for (const [index, some] of lines.entries()) await store.stage(staged[index] ?? '', Buffer.from(some.join('\n')));
      const sources = staged.flatMap((path, index) => {
        const plan = compiled.shapes[index];
        return plan === undefined ? [] : [{ source: store.stagingPath(path), plan }];
      });
      const lookups = await previewLookups(this.#deps, known, folder);
      const result = await engine.preview({ sources, lookups, plan: compiled.merge, rowsMax: recordsMax });
      const before = lines.map((some) => some.map(withoutOrigin));
      if (mask === null) return { ...result, before: before.flat() };
      const by = compiled.merge.partition;
      const isFolderMasked = by !== null && mask.isColumnMasked(by.column);
      return {
        rejected: result.rejected,
        before: before.flatMap((some, index) =>
          some.map((line) => maskRecord(line, (field) => mask.isFieldMasked(index, field))),
        ),
        rows: result.rows.map(({ json, partition }) => ({
          json: maskRecord(json, mask.isColumnMasked),
          partition: isFolderMasked ? maskedValue : partition,
        })),
      };
    } finally {
      for (const name of await store.names(folder)) await store.remove(`${folder}/${name}`);
      await store.remove(folder);
    }
  }

  async #sample(known: KnownTransformer): Promise<readonly (readonly string[])[]> {
    const lines: (readonly string[])[] = [];
    const share = Math.ceil(recordsMax / known.spec.sources.length);
    for (const [index, source] of known.sources.entries()) {
      const texts =
        source.kind === 'TOPIC'
          ? await this.#newestTexts(source.place.name, share)
          : await this.#textsOfFile(source, known.spec.sources[index]?.files, share);
      lines.push(await this.#protect(known, index, texts, true));
    }
    return lines;
  }

  async #newestTexts(topic: string, count: number): Promise<readonly string[]> {
    const pass = this.#deps.records.pass();
    const texts: string[] = [];
    for (const { value, headers } of await this.#newest(topic, count)) {
      const answer = value === null ? null : await pass.read(value, headers);
      if (answer?.ok === true) texts.push(printExactJson(answer.record) ?? '{}');
    }
    return texts;
  }

  /** Of the last file by name, which is the newest where names have dates. */
  async #textsOfFile(source: SourceFacts, files: FilesSpec | undefined, count: number): Promise<readonly string[]> {
    const { store, engine } = this.#deps;
    const table = source.kind === 'TABLE' ? source.place.name : null;
    const last = (await listed(store, { table, files })).at(-1);
    if (last === undefined) return [];
    const folder = `_lineward/preview/${newId()}`;
    const staged = `${folder}/records.staged`;
    try {
      await store.stage(staged, Buffer.alloc(0));
      const target = store.stagingPath(staged);
      const members = { columns: source.fields.map(({ name }) => name), jsonTexts: source.jsonTexts };
      await store.reading([last.path], ([path = '']) =>
        engine.extract({ ...members, ...sourceFormOf(last.path, files), path, target, rowsMax: count }),
      );
      const texts: string[] = [];
      for await (const line of stagedLines(target)) if (isObjectText(String(line))) texts.push(String(line));
      return texts;
    } finally {
      for (const path of [staged, folder]) await store.remove(path);
    }
  }

  async #newest(topic: string, count: number): Promise<readonly KafkaMessage[]> {
    const { kafka } = this.#deps;
    const offsets = await kafka.offsets(topic);
    const each = BigInt(Math.ceil(count / Math.max(offsets.length, 1)));
    const from = new Map(
      offsets.map(({ partition, earliest, latest }) => {
        const [first, wanted] = [BigInt(earliest), BigInt(latest) - each];
        // A topic may have fewer records than are looked at.
        return [partition, wanted < first ? first : wanted];
      }),
    );
    const found: KafkaMessage[] = [];
    const take = (message: KafkaMessage): void => {
      if (BigInt(message.offset) >= (from.get(message.partition) ?? 0n) && found.length < count) found.push(message);
    };
    await kafka.scan(topic, take, AbortSignal.timeout(sampleMs), { from });
    return found;
  }

  /** By the policies in force, where the document asks for that, and for all that was read from a topic. */
  async #protect(
    { sources, compiled }: KnownTransformer,
    index: number,
    texts: readonly string[],
    isFromTopic: boolean,
  ): Promise<readonly string[]> {
    const source = sources[index];
    if (source === undefined) return [];
    const wants = isFromTopic || compiled.shapes[index]?.protects === true;
    const plan = wants ? await this.#deps.policies.planOf(source.entityId, keysOf(source)) : null;
    const keepSealed = source.kind !== 'TOPIC';
    const reader = new SourceRecords({ ...this.#deps, erased: nobody, plan, keepSealed });
    const read = await reader.lines(texts.map((text, number) => messageOf(text, number)));
    const refused = [...read.rejected.keys()][0];
    if (refused !== undefined && !isFromTopic)
      throw new LinewardError('BAD_INPUT', `records: some are not to be read or protected (${refused})`, {
        path: ['records'],
      });
    return read.lines;
  }
}

/** By records of one's own one could ask for any row of a lookup: that is for who may read what is asked for. */
function assertClear({ sources, lookups, compiled }: KnownTransformer, { isFieldMasked }: PreviewMask): void {
  const masked = compiled.lookups.flatMap(({ fields }, lookup) =>
    fields
      .filter(({ name }) => isFieldMasked(sources.length + lookup, name))
      .map(({ name }) => `${name} of ${lookups[lookup]?.place.name ?? ''}`),
  );
  if (masked.length === 0) return;
  throw new LinewardError(
    'BAD_INPUT',
    `records: the lookup would show ${masked.join(', ')}, for which you have no READ_CLEAR; leave records out to see it masked`,
    { path: ['records'] },
  );
}

function messageOf(text: string, number: number): KafkaMessage {
  const path = ['records', String(number)];
  if (number >= recordsMax)
    throw new LinewardError('LIMIT_EXCEEDED', `records: at most ${recordsMax}`, { path: ['records'] });
  if (text.length > recordCharsMax)
    throw new LinewardError('LIMIT_EXCEEDED', `records: at most ${recordCharsMax} characters each`, { path });
  const value = Buffer.from(text);
  if (!isObjectText(text)) throw new LinewardError('BAD_INPUT', `records.${number}: it is no JSON object`, { path });
  return { partition: 0, offset: String(number), timestamp: '0', key: null, value, headers: {} };
}

/** A line as it was before it told where it came from. */
function withoutOrigin(line: string): string {
  const start = `{"${originColumn}":"`;
  const end = line.indexOf('"', start.length);
  const rest = line.slice(end + 1);
  return rest === '}' ? '{}' : `{${rest.slice(1)}`;
}

function isObjectText(text: string): boolean {
  try {
    return isRecord(readExactJson(text));
  } catch {
    return false;
  }
}
