// ECMAScript 2026; the compiler does not know it yet.
const { rawJSON: rawJson } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };

/** Sixteen digits where a number can begin: identifiers of many digits stand in texts, behind a quote or other characters. */
const longNumber = /(?:^|[\s:,[-])\d{16}/;

export const mayHoldLongNumber = (text: string): boolean => longNumber.test(text);

/** Reads JSON; a whole number that a double would change becomes a bigint. @throws SyntaxError */
export function readExactJson(text: string): unknown {
  // Without a reviver texts are read several times as fast.
  return mayHoldLongNumber(text) ? JSON.parse(text, exactly) : JSON.parse(text);
}

function exactly(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const isChanged = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
  return isChanged && /^-?\d+$/.test(context?.source ?? '') ? BigInt(context?.source ?? 0) : value;
}

/** Compact JSON of a value in which bigints stand for numbers; undefined for what JSON does not have. */
export function printExactJson(value: unknown): string | undefined {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? rawJson(String(part)) : part));
}

/** A whole number of 64 bits as a number where one holds it, else as a bigint. */
export function exactWhole(value: bigint): number | bigint {
  return BigInt.asIntN(53, value) === value ? Number(value) : value;
}
