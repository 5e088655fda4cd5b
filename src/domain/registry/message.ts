import { isNullable, isObject, type PrimitiveName, type SchemaType, withoutNull } from './schema-type.ts';

/** Where a message does not fit its schema. Says what was expected, never what was found. */
export interface MessageFault {
  readonly path: string;
  readonly message: string;
}

const faultsMax = 20;

const primitiveChecks: Readonly<Record<PrimitiveName, { expected: string; fits: (value: unknown) => boolean }>> = {
  null: { expected: 'null', fits: (value) => value === null },
  boolean: { expected: 'a boolean', fits: (value) => typeof value === 'boolean' },
  int: {
    expected: 'a 32-bit integer',
    fits: (value) => Number.isInteger(value) && Math.abs(Number(value)) <= 2 ** 31 && value !== 2 ** 31,
  },
  // JSON numbers beyond 2^53 have lost digits before we see them.
  long: { expected: 'an integer within ±2^53', fits: (value) => Number.isSafeInteger(value) },
  float: { expected: 'a number', fits: (value) => typeof value === 'number' && Number.isFinite(value) },
  double: { expected: 'a number', fits: (value) => typeof value === 'number' && Number.isFinite(value) },
  bytes: { expected: 'a string', fits: (value) => typeof value === 'string' },
  string: { expected: 'a string', fits: (value) => typeof value === 'string' },
};

/** The faults of one message as a sentence for people. */
export function faultsText(faults: readonly MessageFault[]): string {
  return faults.map((fault) => `${fault.path} ${fault.message}`).join('; ');
}

/** Checks one decoded JSON message; answers at most 20 faults, none when it fits. */
export function messageFaults(root: SchemaType & { kind: 'record' }, message: unknown): readonly MessageFault[] {
  const faults: MessageFault[] = [];
  check(root, message, '', faults);
  return faults.slice(0, faultsMax);
}

function check(type: SchemaType, value: unknown, path: string, faults: MessageFault[]): void {
  if (faults.length >= faultsMax) return;
  if (value === null && isNullable(type)) return;
  const real = withoutNull(type);
  const expect = (what: string): void => {
    faults.push({
      path: path === '' ? '(message)' : path,
      message: `must be ${what}${isNullable(type) ? ' or null' : ''}`,
    });
  };
  switch (real.kind) {
    case 'primitive':
      if (!primitiveChecks[real.name].fits(value)) expect(primitiveChecks[real.name].expected);
      return;
    case 'enum':
      if (typeof value !== 'string' || !real.symbols.includes(value))
        expect(`one of ${real.symbols.slice(0, 20).join(', ')}`);
      return;
    case 'array':
      if (!Array.isArray(value)) expect('a list');
      else for (const [index, item] of value.entries()) check(real.items, item, `${path}[${index}]`, faults);
      return;
    case 'map':
      // Map keys are data, so they stay out of the path.
      if (!isObject(value)) expect('an object');
      else for (const item of Object.values(value)) check(real.values, item, `${path}{}`, faults);
      return;
    case 'record':
      if (!isObject(value)) expect('an object');
      else checkRecord(real, value, path, faults);
      return;
    case 'union':
      if (!real.branches.some((branch) => messageFits(branch, value))) expect('of one of the union’s types');
  }
}

function messageFits(type: SchemaType, value: unknown): boolean {
  const faults: MessageFault[] = [];
  check(type, value, '', faults);
  return faults.length === 0;
}

function checkRecord(
  record: SchemaType & { kind: 'record' },
  value: Readonly<Record<string, unknown>>,
  path: string,
  faults: MessageFault[],
): void {
  const inside = (name: string): string => (path === '' ? name : `${path}.${name}`);
  const known = new Set<string>();
  for (const field of record.fields) {
    known.add(field.name);
    if (Object.hasOwn(value, field.name)) check(field.type, value[field.name], inside(field.name), faults);
    else if (!isNullable(field.type) && !field.hasDefault)
      faults.push({ path: inside(field.name), message: 'is missing' });
  }
  const unknown = Object.keys(value).filter((name) => !known.has(name)).length;
  if (unknown > 0) {
    faults.push({
      path: path === '' ? '(message)' : path,
      message: `holds ${unknown} field(s) that the schema does not have`,
    });
  }
}
