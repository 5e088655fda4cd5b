import { parseArgs } from 'node:util';
import { Narrator } from './narrator.ts';
import { type Parts, startParts } from './parts.ts';
import { type SampleMessage, sampleMessages, sampleTexts, textsOfFile } from './sample-data.ts';
import { Story } from './story.ts';

const usage = `npm run demo -- [--once] [--messages N] [--messages-file FILE]

  --once               end after the story; the exit code says whether all was as it should be
  --messages N         how many messages to send (default 2000, or all of the file)
  --messages-file FILE message texts: TSV with a header line, or NDJSON
`;

const messagesDefault = 2_000;
/** Exit code of a run that a signal ended before its end. */
const interruptedCode = 130;
const stopTimeoutMs = 20_000;

async function readMessages(file: string | undefined, count: string | undefined): Promise<readonly SampleMessage[]> {
  const wanted = count === undefined ? null : Number(count);
  if (wanted !== null && !(Number.isInteger(wanted) && wanted > 0))
    throw new RangeError('--messages must be a whole number above 0');
  if (file === undefined) return sampleMessages(sampleTexts(wanted ?? messagesDefault));
  const texts = await textsOfFile(file);
  if (texts.length === 0) throw new RangeError(`${file} holds no messages`);
  return sampleMessages(texts.slice(0, wanted ?? texts.length));
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean' },
      messages: { type: 'string' },
      'messages-file': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  const messages = await readMessages(values['messages-file'], values.messages);
  const narrator = new Narrator(process.stdout);
  narrator.title('Lineward: from a message to the proof that it is gone');
  narrator.step('Start embedded PostgreSQL, lake, keys, and a Kafka broker');
  const interrupted = interruption();
  const starting = startParts(narrator, { freePorts: values.once === true });
  try {
    const telling = starting.then((parts) => tell(narrator, parts, messages));
    // Told to nobody once it was interrupted.
    telling.catch(() => {});
    const code = await Promise.race([telling, interrupted]);
    if (values.once !== true && code !== interruptedCode) {
      const { main: url } = (await starting).app.urls;
      process.stdout.write(`\nStill running. Apollo Sandbox: ${url}/graphql   Ctrl-C ends.\n`);
      await interrupted;
    }
    return code;
  } finally {
    const parts = await starting.catch(() => null);
    await parts?.stop();
  }
}

async function tell(narrator: Narrator, parts: Parts, messages: readonly SampleMessage[]): Promise<number> {
  const { main: mainUrl, registry, produce } = parts.app.urls;
  narrator.fact(
    `GraphQL ${mainUrl}/graphql   registry ${registry}   produce ${produce}   Kafka ${parts.brokers ?? '-'}`,
  );
  await new Story(narrator, parts).tell(messages);
  report(narrator, mainUrl);
  return narrator.failures.length === 0 ? 0 : 1;
}

/** Resolves when the demo is to end, so that it leaves no broker and no database behind. */
function interruption(): Promise<typeof interruptedCode> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        setTimeout(() => process.exit(interruptedCode), stopTimeoutMs).unref();
        resolve(interruptedCode);
      });
    }
  });
}

function report(narrator: Narrator, mainUrl: string): void {
  const { failures } = narrator;
  narrator.title(
    failures.length === 0
      ? `\nDone in ${narrator.seconds.toFixed(1)} s; everything was as it should be.`
      : `\nDone in ${narrator.seconds.toFixed(1)} s; ${failures.length} claim(s) did not hold:\n${failures.map((claim) => `  - ${claim}`).join('\n')}`,
  );
  narrator.title(`
Queries to paste at ${mainUrl}/graphql (Apollo Sandbox):
  { entity(namespace: "Demo", name: "SparkSummit") { fullName versions { nodes { number fields { nodes { path semanticType } } } } mappings { nodes { role dataset { name } } } } }
  { operations(first: 5) { nodes { kind status statusReason targets { nodes { dataset { name } receipt { recordsErased } } } certificate { body } } } }
  { auditEvents(first: 10) { nodes { at actorId action resourceType outcome } } }`);
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`\nThe demo could not go on: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
