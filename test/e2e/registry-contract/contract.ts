import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { type Data, type TestApp, testApp } from '../../testkit/app.ts';

export const answerType = 'application/vnd.schemaregistry.v1+json';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; null when it is empty, undefined when it is no JSON. */
  readonly body: Data;
}

export interface Asked {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a case knows when its answer is looked at. */
export interface Known {
  /** Subjects of the case: `{s}`, `{t}` and `{u}` in its addresses, bodies and answers. */
  readonly s: string;
  readonly t: string;
  readonly u: string;
  /** Ids that the steps before were answered, in order: `#{0}`, `#{1}` … in bodies and answers, `{0}` in addresses. */
  readonly ids: readonly number[];
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD' | 'PATCH' | 'OPTIONS';
export type Step = readonly [method: Method, path: string, body?: unknown, headers?: Readonly<Record<string, string>>];

/** One request of the contract and its answer: `code` for errors, else `body`, with no other keys than those. */
export interface Case {
  readonly name: string;
  readonly before?: readonly Step[];
  readonly ask: Step;
  readonly status?: number;
  readonly code?: number;
  readonly message?: RegExp;
  readonly body?: unknown;
  /** The whole body as text, for answers that are a schema as it stands. */
  readonly text?: string;
}

/** A registry of its own, spoken to over HTTP. */
export interface Registry {
  readonly app: TestApp;
  readonly url: string;
  ask(method: Method, path: string, asked?: Asked): Promise<Answer>;
  /** Runs a case on subjects that no other case has. */
  check(one: Case): Promise<void>;
  stop(): Promise<void>;
}

export async function startRegistry(settings: Record<string, string> = {}): Promise<Registry> {
  const app = await testApp({ LINEWARD_ROLES: 'api', ...settings });
  const url = app.urls.registry ?? '';
  const ask = (method: Method, path: string, asked: Asked = {}) => send(url, method, path, asked);
  return { app, url, ask, check: (one) => check(ask, one), stop: () => app.stop() };
}

async function send(url: string, method: Method, path: string, { body, headers = {} }: Asked): Promise<Answer> {
  const typed = body === undefined || 'content-type' in headers ? headers : { 'content-type': answerType, ...headers };
  const payload =
    body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  const response = await fetch(`${url}${path}`, {
    method,
    headers: typed,
    ...(payload === undefined ? {} : { body: payload as string }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: parsed(text) };
}

function parsed(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A name that nobody has used. */
export const unique = (): string => `c${randomBytes(6).toString('hex')}`;

/** Puts the subjects and ids of a case in their places; `#1` becomes a number. */
function filled<T>(value: T, known: Known): T {
  return walked(value, (text) => {
    const done = text.replace(/\{([stu]|\d)\}/g, (_all, key: string) =>
      /\d/.test(key) ? String(known.ids[Number(key)] ?? 'none') : String(known[key as 's']),
    );
    return /^#-?\d+$/.test(done) ? Number(done.slice(1)) : done;
  }) as T;
}

function walked(value: unknown, text: (value: string) => unknown): unknown {
  if (typeof value === 'string') return text(value);
  if (Array.isArray(value)) return value.map((item) => walked(item, text));
  // Matchers stay what they are.
  if (typeof value !== 'object' || value === null || 'asymmetricMatch' in value) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [walked(key, text), walked(inner, text)]));
}

async function check(ask: Registry['ask'], one: Case): Promise<void> {
  const ids: number[] = [];
  const known: Known = { s: unique(), t: unique(), u: unique(), ids };
  for (const step of one.before ?? []) {
    const [method, path, body, headers = {}] = filled(step, known);
    const answer = await ask(method, path, { body, headers });
    expect(answer.status, `before: ${method} ${path} ${answer.text}`).toBeLessThan(300);
    if (typeof answer.body?.id === 'number') ids.push(answer.body.id);
  }
  const [method, path, body, headers = {}] = filled(one.ask, known);
  const answer = await ask(method, path, { body, headers });
  const status = one.status ?? (one.code === undefined ? 200 : statusOf(one.code));
  expect(answer.status, answer.text).toBe(status);
  if (status !== 204) expect(answer.headers.get('content-type')).toBe(answerType);
  if (one.code !== undefined) {
    expect(answer.body).toEqual({ error_code: one.code, message: expect.stringMatching(/\S/) });
    if (one.message !== undefined) expect(answer.body.message).toMatch(one.message);
  } else if (one.text !== undefined) expect(answer.text).toBe(one.text);
  else if (one.body !== undefined) expect(answer.body).toEqual(filled(one.body, known));
}

const statusOf = (code: number): number => (code > 999 ? Math.trunc(code / 100) : code);

export type Field = string | Readonly<Record<string, unknown>>;

/** An Avro record as text; a field is `name:type` or an object. */
export function avro(...fields: readonly Field[]): string {
  const list = fields.map((field) => {
    if (typeof field !== 'string') return field;
    const [name, type] = field.split(':');
    return { name, type };
  });
  return JSON.stringify({ type: 'record', name: 'R', fields: list });
}

/** A field with a default, which readers of older data need. */
export const optional = (name: string, type = 'string') => ({ name, type: ['null', type], default: null });

export const a1 = avro('a:string');
/** Compatible with `a1` both ways. */
export const a2 = avro('a:string', optional('b'));
export const a3 = avro('a:string', optional('b'), optional('c'));
/** Cannot read what `a1` has written. */
export const breaking = avro('a:string', 'must:int');

export const post = (schema: string, subject = '{s}'): Step => ['POST', `/subjects/${subject}/versions`, { schema }];
export const level = (compatibility: string, subject = '{s}'): Step => ['PUT', `/config/${subject}`, { compatibility }];
export const softDelete = (path: string): Step => ['DELETE', path];
export const hardDelete = (path: string): Step => ['DELETE', `${path}?permanent=true`];
