import { readFile } from 'node:fs/promises';

/** One message as producers of the sample entity send it, version 2. */
export interface SampleMessage {
  readonly sid: string;
  readonly account_sid: string;
  readonly date_created: string;
  readonly to: string;
  readonly from: string;
  readonly message_body: string;
  readonly user_id: string;
  readonly email: string | null;
}

const accounts = ['AC01', 'AC02', 'AC03', 'AC04', 'AC05'] as const;
/** Whose data is erased, and whose is under a legal hold. */
export const erasedAccount = 'AC02';
export const heldAccount = 'AC04';

const days = 5;
const firstDay = Date.UTC(2018, 5, 4);
const openings = ['Hi', 'Hello', 'Good morning', 'Dear customer', 'Hey you', 'Reminder:'];
const middles = [
  'your parcel leaves today',
  'see you at the station',
  'the meeting moved to ten',
  'your code is 4821',
  'thank you for the flowers',
  'dinner at eight?',
];
const endings = ['Bye!', 'Call me.', 'See you soon.', 'No reply needed.', 'Yours, M.', '😀'];

/** Numbers that repeat with the same seed (mulberry32), so that every run of the demo tells the same story. */
function repeatable(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function pick<T>(random: () => number, from: readonly T[]): T {
  const found = from[Math.floor(random() * from.length)];
  if (found === undefined) throw new RangeError('nothing to pick from');
  return found;
}

const telephone = (random: () => number): string =>
  `+1${String(Math.floor(2_000_000_000 + random() * 7_999_999_999)).slice(0, 10)}`;

/** Messages over five accounts and five days, one per text. */
export function sampleMessages(texts: readonly string[]): readonly SampleMessage[] {
  const random = repeatable(2018);
  return texts.map((text, index) => {
    const account = accounts[index % accounts.length] ?? accounts[0];
    const user = Math.floor(random() * 50);
    return {
      sid: `SM${String(index).padStart(10, '0')}`,
      account_sid: account,
      date_created: new Date(firstDay + Math.floor(random() * days * 86_400_000)).toISOString(),
      to: telephone(random),
      from: telephone(random),
      message_body: text,
      user_id: `${account}-user-${user}`,
      email: user % 3 === 0 ? null : `user${user}@example.com`,
    };
  });
}

/** Made-up texts. */
export function sampleTexts(count: number): readonly string[] {
  const random = repeatable(1);
  return Array.from(
    { length: count },
    () => `${pick(random, openings)}, ${pick(random, middles)}. ${pick(random, endings)}`,
  );
}

/**
 * Message texts of a file: NDJSON with a string in `text`, `message`, `body` or `sentence` (or bare JSON strings), or TSV
 * whose first line names the columns; the column of such a name, else the first, holds the text.
 */
export async function textsOfFile(path: string): Promise<readonly string[]> {
  const lines = (await readFile(path, 'utf8')).split(/\r?\n/).filter((line) => line !== '');
  return lines[0]?.startsWith('{') || lines[0]?.startsWith('"') ? lines.map(textOfJson) : textsOfTsv(lines);
}

const textNames = ['text', 'message', 'body', 'sentence', 'message_body'];

function textOfJson(line: string, index: number): string {
  const value: unknown = JSON.parse(line);
  if (typeof value === 'string') return value;
  const found =
    typeof value === 'object' && value !== null
      ? textNames.map((name) => (value as Record<string, unknown>)[name])
      : [];
  const text = found.find((candidate) => typeof candidate === 'string');
  if (typeof text !== 'string') throw new TypeError(`line ${index + 1} has no text in ${textNames.join(', ')}`);
  return text;
}

function textsOfTsv([header = '', ...rows]: readonly string[]): readonly string[] {
  const names = header.split('\t').map((name) => name.trim().toLowerCase());
  const column = Math.max(
    0,
    names.findIndex((name) => textNames.includes(name)),
  );
  return rows.map((row) => row.split('\t')[column] ?? '');
}
