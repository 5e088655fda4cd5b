/**
 * Entry of the engine's child process, run by plain Node. It is a process of its own because a damaged or hostile file
 * can take down whatever reads it.
 */
import { rmSync } from 'node:fs';
import type { DuckDBInstance } from '@duckdb/node-api';
import { LinewardError } from '../../../errors/lineward-error.ts';
import type { ColumnTexts } from '../../../services/lake/ports.ts';
import { openDuckdb, withConnection } from './duckdb-session.ts';
import type {
  ChildSettings,
  EngineBatch,
  EngineCall,
  EngineReply,
  EngineVerb,
  EngineVerbs,
} from './engine-protocol.ts';
import { findMatches } from './find-matches.ts';
import { KeptSelections } from './kept-selections.ts';
import { listKeys } from './list-keys.ts';
import { profileFile } from './profile-file.ts';
import { rewriteFile } from './rewrite-file.ts';
import { surveyFiles } from './survey-files.ts';
import { transformFile } from './transform-file.ts';
import { verifyFile } from './verify-file.ts';
import { writeFile } from './write-file.ts';

const settings = JSON.parse(process.argv[2] ?? '{}') as ChildSettings;
interface Opened {
  readonly instance: DuckDBInstance;
  readonly selections: KeptSelections;
}
let opened: Promise<Opened> | null = null;

/** The answer that the running request waits for. */
let awaited: { readonly batch: number; resolve(texts: ColumnTexts): void } | null = null;

process.on('message', (message: EngineCall | EngineBatch) => {
  if ('verb' in message) void answer(message).then((reply) => process.send?.(reply));
  else if (awaited?.batch === message.batch) awaited.resolve(message.texts);
});
process.on('disconnect', () => {
  rmSync(settings.tempDir, { recursive: true, force: true });
  process.exit();
});

async function answer(call: EngineCall): Promise<EngineReply> {
  try {
    opened ??= openDuckdb(settings).then((instance) => ({ instance, selections: new KeptSelections(instance) }));
    return { id: call.id, ok: true, result: await run(await opened, call) };
  } catch (error) {
    return failedReply(call.id, error);
  }
}

async function run({ instance, selections }: Opened, call: EngineCall): Promise<EngineVerbs[EngineVerb]['result']> {
  switch (call.verb) {
    case 'find':
      return selections.use(call.request.selection, (...of) => findMatches(...of, call.request));
    case 'rewrite':
      return selections.use(call.request.selection, (...of) => rewriteFile(...of, call.request));
    case 'verify':
      return selections.use(call.request.selection, (...of) => verifyFile(...of, call.request));
    case 'transform':
      return selections.use(call.request.selection, (...of) =>
        transformFile(...of, call.request, { instance, exchange: exchangeOf(call.id) }),
      );
    default:
      return alone(instance, call);
  }
}

/** Work that no selection goes with. */
function alone(
  instance: DuckDBInstance,
  call: Extract<EngineCall, { readonly verb: 'write' | 'keys' | 'profile' | 'survey' }>,
): Promise<EngineVerbs[EngineVerb]['result']> {
  return withConnection<EngineVerbs[EngineVerb]['result']>(instance, (connection) => {
    switch (call.verb) {
      case 'write':
        return writeFile(connection, call.request);
      case 'keys':
        return listKeys(connection, call.request);
      case 'profile':
        return profileFile(connection, call.request);
      case 'survey':
        return surveyFiles(connection, call.request, settings.tempDir);
    }
  });
}

/** Sends one batch after the other to the parent, and waits for each answer. */
function exchangeOf(id: number): (texts: ColumnTexts) => Promise<ColumnTexts> {
  let batch = 0;
  return (texts) => {
    batch += 1;
    return new Promise((resolve) => {
      awaited = { batch, resolve };
      process.send?.({ id, batch, texts } satisfies EngineBatch);
    });
  };
}

function failedReply(id: number, error: unknown): EngineReply {
  if (error instanceof LinewardError) {
    const { retire, ...details } = error.details;
    return { id, ok: false, failure: { code: error.code, message: error.message, details }, retire: retire === true };
  }
  const failure = {
    code: 'LAKE_ENGINE_FAILED' as const,
    message: 'The lake engine failed for a reason of its own; try again.',
    // The class alone: the message could quote a value.
    details: { reason: 'INTERNAL', kind: /^[A-Z][A-Za-z ]* Error(?=:)/u.exec(messageOf(error))?.[0] ?? 'unknown' },
  };
  return { id, ok: false, failure, retire: true };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : '');
