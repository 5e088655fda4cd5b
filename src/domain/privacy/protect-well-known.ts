import { dynamicTypes, wellKnownValue } from '../registry/protobuf/well-known-decoding.ts';
import { wellKnownBytes } from '../registry/protobuf/well-known-encoding.ts';
import { wellKnownCheck } from '../registry/protobuf/well-known-json.ts';
import { wellKnownForms } from '../registry/protobuf/well-known-types.ts';

const textType = 'google.protobuf.StringValue';
/** Their content has no form that can be redacted. */
const opaqueTypes: ReadonlySet<string> = new Set(['google.protobuf.Any', 'google.protobuf.BytesValue']);

/** What a plan is applied to in a well-known message: its JSON form, or its bytes where nobody can tell what they say. */
export function knownInput(fullName: string, content: Buffer): unknown {
  const hasForm = wellKnownForms.has(fullName) || wellKnownCheck(fullName) !== undefined;
  return hasForm && !opaqueTypes.has(fullName) ? wellKnownValue(fullName, content) : content;
}

/** The content of a well-known message that holds what protection leaves; null when it cannot. */
export function knownOutput(fullName: string, shown: unknown): Buffer | null {
  const isGone = shown === null || shown === undefined;
  if (opaqueTypes.has(fullName)) return isGone || shown === '' ? Buffer.alloc(0) : null;
  if (fullName !== textType && !dynamicTypes.has(fullName)) return null;
  const value = isGone ? (fullName === textType ? '' : null) : shown;
  const fits = fullName === textType ? typeof value === 'string' : wellKnownCheck(fullName)?.(value) === null;
  const written = fits ? wellKnownBytes(fullName, value) : null;
  return Buffer.isBuffer(written) ? written : null;
}
