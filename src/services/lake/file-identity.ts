import type { ContentIdentity } from '../../domain/lake/file-state.ts';

/** True when both are there and name the same content. */
export function isSameContent(a: ContentIdentity | null | undefined, b: ContentIdentity | null | undefined): boolean {
  return a != null && b != null && a.bytes === b.bytes && a.version === b.version;
}
