import { applyProtection, type Seal } from '../src/domain/privacy/apply-protection.ts';
import { compileProtection } from '../src/domain/privacy/compile-protection.ts';
import { redactEmail } from '../src/domain/privacy/email-redactor.ts';
import { redactPhone } from '../src/domain/privacy/phone-redactor.ts';
import { protectJson } from '../src/domain/privacy/protect-json.ts';
import { SemanticTypes } from '../src/domain/privacy/semantic-type.ts';
import { type BenchCase, beside } from './harness.ts';
import { ratesOf } from './rates.ts';

/** Different values, so that nothing is answered from a cache of the last one. */
const count = 1_024;
const noSeal: Seal = () => '';

const digits = (index: number): string => String(4_155_550_000 + index * 7_919);
const phones = Array.from({ length: count }, (_, index) => `+1${digits(index)}`);
const addresses = Array.from({ length: count }, (_, index) => `user.${digits(index)}@example.com`);
const messages = phones.map((to, index) =>
  JSON.stringify({
    sid: `SM${digits(index)}00112233445566778899`,
    account_sid: 'AC00112233445566778899aabbccddeeff',
    date_created: '2018-06-05T17:00:00.000Z',
    to,
    from: phones[count - 1 - index],
    contact: addresses[index],
    message_body: 'Your table for four at eight is booked. Reply C to cancel or call us.',
    status: 'delivered',
    segments: 1,
    price: -0.0075,
    uri: `/2010-04-01/Accounts/AC001/Messages/${index}`,
  }),
);
const field = (path: string, semanticType: string | null = null) => ({
  ...{ path, nullable: true, semanticType },
  ...{ otherTypes: [], recurrences: [], plainAt: [] },
});
const plan = compileProtection({
  entityFullName: 'Demo.SparkSummit',
  namespace: 'Demo',
  fields: [
    ...['sid', 'account_sid', 'date_created', 'status', 'segments', 'price', 'uri'].map((path) => field(path)),
    ...[field('to', 'phonenumber'), field('from', 'phonenumber'), field('contact', 'email')],
    field('message_body', 'customertext'),
  ],
  policies: [],
  types: new SemanticTypes(),
  tokenize: null,
  accountField: 'account_sid',
  subjectField: null,
  strict: false,
});

/** Redacting messages beside reading and printing them. */
export async function messageCases(): Promise<readonly BenchCase[]> {
  const rates = await ratesOf({
    'JSON.parse and stringify': () => each(messages, (text) => JSON.stringify(JSON.parse(text))),
    protectJson: () => each(messages, (text) => protectJson(plan, text, noSeal).text),
    applyProtection: () =>
      each(messages, (text) => JSON.stringify(applyProtection(plan, JSON.parse(text), noSeal).record)),
  });
  const bytes = Math.round(messages.join('').length / count);
  const against = (name: string, label: string): BenchCase =>
    beside(`redact JSON of ${bytes} B${label}`, rates(name) * perRun, '/s', {
      name: 'JSON.parse and stringify',
      value: rates('JSON.parse and stringify') * perRun,
    });
  return [against('protectJson', ' as text, protectJson'), against('applyProtection', ', applyProtection')];
}

export const phoneCases = (): Promise<readonly BenchCase[]> =>
  valueCases('redact a telephone number', phones, redactPhone);

export const mailCases = (): Promise<readonly BenchCase[]> =>
  valueCases('redact a mail address', addresses, redactEmail);

/** Single values beside a loop that copies their characters. */
async function valueCases(
  label: string,
  values: readonly string[],
  redact: (text: string) => string,
): Promise<readonly BenchCase[]> {
  const rates = await ratesOf({ copy: () => each(values, copied), redact: () => each(values, redact) });
  return [beside(label, rates('redact') * perRun, '/s', { name: 'loop that copies', value: rates('copy') * perRun })];
}

/** Values that one run of a work takes; the next run goes on with the next ones. */
const perRun = 16;
let position = 0;

function each(values: readonly string[], work: (value: string) => string): number {
  let length = 0;
  for (let index = 0; index < perRun; index += 1) {
    position = (position + 1) % count;
    length += work(values[position] ?? '').length;
  }
  return length;
}

function copied(text: string): string {
  let copy = '';
  for (let index = 0; index < text.length; index += 1) copy += text[index];
  return copy;
}
