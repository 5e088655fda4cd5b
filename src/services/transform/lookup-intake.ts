import { markOfFields } from '../../domain/transform/carried-marks.ts';
import { lookupsIn } from '../../domain/transform/lookup-plan.ts';
import type { LookupFile } from '../../domain/transform/run-state.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { LakeStore } from '../lake/ports.ts';
import { takeFiles } from './file-intake.ts';
import type { IntakeSink } from './line-intake.ts';
import type { TransformEngine } from './ports.ts';
import type { ProtectionMarks } from './protection-marks.ts';
import { type FiledSource, sourceFormOf } from './source-files.ts';
import type { SourceRecords } from './source-records.ts';
import type { KnownTransformer } from './transformer-facts.ts';

/** A lookup with more rows is no list to look things up in, but a table to be joined by an engine of its own. */
const rowsMax = 5_000_000;

export interface LookupIntakeDeps {
  readonly store: LakeStore;
  readonly engine: Pick<TransformEngine, 'extract' | 'lookup'>;
  readonly signal: AbortSignal;
  /** Folder aside. */
  readonly folder: string;
  /** Readers of the records of lookups, by their numbers. */
  readonly records: readonly SourceRecords[];
  readonly marks: Pick<ProtectionMarks, 'of'> | null;
  /** Between chunks; throws when nobody wants the run any more. */
  progress(): Promise<void>;
}

/** A lookup that rows can be joined with. */
export interface TakenLookup {
  /** Local. */
  readonly path: string;
  /** What its files say is protected of what is asked for. */
  readonly mark: string | null;
}

/** Where the records of the lookups of a document are, by their numbers. */
export const placedLookups = ({
  spec,
  lookups,
}: Pick<KnownTransformer, 'spec' | 'lookups'>): readonly (FiledSource & { readonly lookup: number })[] =>
  lookupsIn(spec).map(({ source, lookup: { files } }, lookup) => ({
    source,
    lookup,
    table: files === undefined ? (lookups[lookup]?.place.name ?? '') : null,
    files,
  }));

/**
 * Brings lookups into the form that rows are joined with, and answers where each is: the way of all records, so that who was erased is
 * in none. Those of sources that have nothing to give are passed over.
 * @throws LinewardError TRANSFORMER_STATE for one without files, with records that cannot be read, with keys that have different
 * values, with files of which only some are protected, or that was changed since it was planned; LIMIT_EXCEEDED
 */
export async function takeLookups(
  deps: LookupIntakeDeps,
  known: KnownTransformer,
  files: readonly LookupFile[],
  isRead: (source: number) => boolean = () => true,
): Promise<readonly TakenLookup[]> {
  const taken: TakenLookup[] = [];
  for (const { source, lookup } of placedLookups(known)) {
    const own = files.filter((file) => file.lookup === lookup);
    taken.push(isRead(source) ? await takeLookup(deps, known, { lookup, files: own }) : { path: '', mark: null });
  }
  return taken;
}

async function takeLookup(
  deps: LookupIntakeDeps,
  known: KnownTransformer,
  { lookup, files }: { readonly lookup: number; readonly files: readonly LookupFile[] },
): Promise<TakenLookup> {
  const { store, engine, signal, folder } = deps;
  const [plan, facts, source] = [known.compiled.lookups[lookup], known.lookups[lookup], deps.records[lookup]];
  if (plan === undefined || facts === undefined || source === undefined) throw new LinewardError('INTERNAL');
  const at = `sources.${plan.source}.transforms.${plan.step}`;
  if (files.length === 0) throw refused(at, `there is no file of the lookup in ${facts.place.name}; make it first`);
  const staged: string[] = [];
  const said = new Set<string | null>();
  const sink = lookupSink(deps, { at, files, staged, said, name: `${folder}/lookup-${lookup}` });
  const asked = [...plan.fields.map(({ name }) => name), facts.accountField, ...facts.subjectFields];
  const columns = [...new Set(asked)].filter((name) => name !== '');
  const members = { columns, jsonTexts: facts.jsonTexts.filter((name) => columns.includes(name)) };
  const spec = placedLookups(known)[lookup]?.files;
  const formOf = (path: string) => sourceFormOf(path, spec);
  // Files that no table has may say of themselves what they like.
  const marks = facts.kind === 'TABLE' ? deps.marks : null;
  await takeFiles({ store, engine, source, members, formOf, folder, signal, marks }, files, sink);
  if (new Set([...said].map((mark) => markOfFields(mark, plan.values))).size > 1)
    throw refused(
      at,
      `some files of the lookup in ${facts.place.name} are protected, and others are not yet or by other policies; ask for a protection of that table first`,
    );
  const target = store.stagingPath(`${folder}/lookup-${lookup}.staged`);
  const sources = staged.map((path) => store.stagingPath(path));
  const { ambiguous } = await engine.lookup({ sources, target, plan }, signal);
  for (const path of staged) await store.remove(path);
  if (ambiguous === 0) return { path: target, mark: [...said][0] ?? null };
  const keys = `${ambiguous} ${ambiguous === 1 ? 'key has' : 'keys have'} rows with different values`;
  throw refused(at, `the lookup in ${facts.place.name} is ambiguous: ${keys}; name more fields in \`on\`, or mend it`);
}

function lookupSink(
  { store, progress }: LookupIntakeDeps,
  of: {
    readonly at: string;
    readonly files: readonly LookupFile[];
    readonly staged: string[];
    readonly said: Set<string | null>;
    readonly name: string;
  },
): IntakeSink {
  let rows = 0;
  return {
    chunk: async (lines, mark) => {
      of.said.add(mark);
      rows += lines.length;
      if (rows > rowsMax)
        throw new LinewardError('LIMIT_EXCEEDED', `${of.at}: a lookup has ${rowsMax} rows at most`, {
          path: of.at.split('.'),
        });
      const path = `${of.name}-lines-${of.staged.length}.staged`;
      await store.stage(path, Buffer.from(lines.join('\n')));
      of.staged.push(path);
      await progress();
    },
    // A row that is missing for a fault of its own would make others look as if they had no match.
    rejected: (_code, places, count = places.length) => {
      const [file = '', line = ''] = places[0]?.split(':') ?? [];
      const first = places.length === 0 ? '' : `, the first at ${of.files[Number(file)]?.path ?? ''}:${line}`;
      throw refused(of.at, `${count} lines of the lookup cannot be read${first}; mend them`);
    },
    progress: async () => undefined,
  };
}

const refused = (at: string, why: string): LinewardError =>
  new LinewardError('TRANSFORMER_STATE', `${at}: ${why}.`, { path: at.split('.') });
