import { isJsonObject } from '../json-text.ts';

/** Drafts of JSON Schema by a number that grows: 4, 6, 7, 2019 for 2019-09 and 2020 for 2020-12. */
export type Draft = 4 | 6 | 7 | 2019 | 2020;

const drafts: ReadonlyMap<string, Draft> = new Map([
  ['json-schema.org/draft-04/schema', 4],
  ['json-schema.org/draft-06/schema', 6],
  ['json-schema.org/draft-07/schema', 7],
  ['json-schema.org/draft/2019-09/schema', 2019],
  ['json-schema.org/draft/2020-12/schema', 2020],
]);

/** The draft that a document names by `$schema`; draft-07 when it names none, or one that nobody knows. */
export function draftOf(document: unknown): Draft {
  const uri = isJsonObject(document) && typeof document.$schema === 'string' ? document.$schema : '';
  return drafts.get(uri.replace(/^https?:\/\//, '').replace(/#$/, '')) ?? 7;
}
