import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import type { CryptoAnswer } from '../../domain/privacy/crypto-answer.ts';
import { LinewardError, toLinewardError } from '../../errors/lineward-error.ts';
import { type CryptoService, itemsMax } from '../../services/privacy/crypto.service.ts';
import { linesOf, ndjson, printedLines, streamOf } from '../ndjson.ts';

const ref = z.string().max(200).nullish().default(null);
// What a value may be is for the service to say: a schema of all JSON values recurses as deep as the value is nested, and
// its refusals name keys of the value.
const value = z.unknown().refine((given) => given !== undefined);
const subjectPart = z
  .string()
  .min(1)
  .max(1_024)
  .refine((text) => text.isWellFormed());
const subject = z.object({ field: subjectPart, value: subjectPart });
const redactItem = z
  .object({ ref, type: z.string(), value, derived: z.boolean().default(false) })
  .transform(({ type, ...item }) => ({ ...item, semanticType: type }));
const sealItem = z
  .object({
    ref,
    accountId: z.string(),
    value,
    type: z.string().default(''),
    suite: z.union([z.literal(1), z.literal(2), z.literal(3)]).default(1),
    padding: z.boolean().default(false),
    subject: subject.nullish().default(null),
  })
  .transform(({ type, ...item }) => ({ ...item, semanticType: type }));
const openItem = z.object({ ref, accountId: z.string(), value });
// A purpose that is given twice is none.
const purposeQuery = z.object({ purpose: z.string().catch('') });

/** Longest line, characters: an envelope of the largest size and what stands around it. */
const lineCharsMax = 2 * 1024 * 1024;
const lineTooLong = Symbol('a line that is too long');
/** A batch of a stream is full at so many characters, or at as many lines as a call takes. */
const batchCharsMax = 8 * 1024 * 1024;

type Refusal = { readonly ref: string | null; readonly ok: false; readonly code: string; readonly message: string };
type Verb<Item> = (actor: Actor, items: readonly Item[]) => Promise<readonly CryptoAnswer[]>;

/**
 * `POST /api/v1/crypto:redact`, `crypto:seal` and `crypto:open?purpose=…` of the main listener. As JSON: one item, or an
 * array of at most 10,000, answered alike. As NDJSON: an item a line, streamed both ways, answered line by line in order; a
 * line that is no item, or too long to be one, is refused by itself.
 */
export function cryptoRoutes(server: FastifyInstance, { crypto }: { readonly crypto: CryptoService }): void {
  server.addContentTypeParser(ndjson, (_request, payload, done) => done(null, payload));
  server.post('/api/v1/crypto::redact', { config: { action: 'READ_REDACTED' } }, (request, reply) =>
    answerBulk(request, reply, redactItem, (actor, items) => crypto.redact(actor, items)),
  );
  server.post('/api/v1/crypto::seal', { config: { action: 'ENCRYPT' } }, (request, reply) =>
    answerBulk(request, reply, sealItem, (actor, items) => crypto.seal(actor, items)),
  );
  server.post('/api/v1/crypto::open', { config: { action: 'DECRYPT' } }, async (request, reply) => {
    const { purpose } = purposeQuery.parse(request.query);
    // A stream without a purpose is refused before its first line is read.
    await crypto.open(request.actor, [], purpose);
    return answerBulk(request, reply, openItem, (actor, items) => crypto.open(actor, items, purpose));
  });
}

async function answerBulk<Item>(
  request: FastifyRequest,
  reply: FastifyReply,
  schema: z.ZodType<Item>,
  verb: Verb<Item>,
): Promise<unknown> {
  const stream = streamOf(request.body);
  if (stream !== null) {
    const answers = answersOf(batchesOf(linesOf(stream, lineCharsMax)), (lines) =>
      answerAll(lines.map(parsedLine), schema, async (items) => verb(await request.actorNow(), items)),
    );
    return reply.type(ndjson).send(Readable.from(printedLines(answers)));
  }
  const given = Array.isArray(request.body) ? request.body : [request.body];
  if (given.length > itemsMax)
    throw new LinewardError('LIMIT_EXCEEDED', `At most ${itemsMax} items in one call; send more as ${ndjson}.`);
  const answers = await answerAll(given, schema, (items) => verb(request.actor, items));
  return Array.isArray(request.body) ? answers : answers[0];
}

/** One answer per item in order: those that are none are refused, the others go through the verb together. */
async function answerAll<Item>(
  given: readonly unknown[],
  schema: z.ZodType<Item>,
  verb: (items: readonly Item[]) => Promise<readonly CryptoAnswer[]>,
): Promise<readonly (CryptoAnswer | Refusal)[]> {
  const parsed = given.map((item) => schema.safeParse(item));
  const answers = (await verb(parsed.flatMap((one) => (one.success ? [one.data] : [])))).values();
  return parsed.map((one, index) =>
    one.success ? (answers.next().value ?? refusal(null, [])) : refusal(given[index], one.error.issues),
  );
}

const withRef = z.object({ ref: z.string().max(200) });

function refOf(item: unknown): string | null {
  return withRef.safeParse(item).data?.ref ?? null;
}

function refusal(item: unknown, issues: readonly z.core.$ZodIssue[]): Refusal {
  const ref = refOf(item);
  if (item === lineTooLong)
    return { ref, ok: false, code: 'LIMIT_EXCEEDED', message: `The line has more than ${lineCharsMax} characters.` };
  const places = [...new Set(issues.map((issue) => issue.path.join('.')))].filter((place) => place !== '');
  const message =
    places.length === 0 ? 'The line is no JSON object.' : `Missing or of another type: ${places.join(', ')}.`;
  return { ref, ok: false, code: 'BAD_INPUT', message };
}

function parsedLine(line: string | null): unknown {
  if (line === null) return lineTooLong;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

async function* batchesOf(lines: AsyncIterable<string | null>): AsyncGenerator<readonly (string | null)[]> {
  let batch: (string | null)[] = [];
  let chars = 0;
  for await (const line of lines) {
    if (line?.trim() === '') continue;
    batch.push(line);
    chars += line?.length ?? 0;
    if (batch.length < itemsMax && chars < batchCharsMax) continue;
    yield batch;
    batch = [];
    chars = 0;
  }
  if (batch.length > 0) yield batch;
}

/** The head of the answer is out when a stream fails, so the failure is its last line. */
async function* answersOf(
  batches: AsyncIterable<readonly (string | null)[]>,
  answer: (lines: readonly (string | null)[]) => Promise<readonly unknown[]>,
): AsyncGenerator<unknown> {
  try {
    for await (const batch of batches) yield* await answer(batch);
  } catch (error) {
    const { code, spec, message } = toLinewardError(error);
    yield { ref: null, ok: false, code, message: spec.exposed ? message : spec.message };
  }
}
