import { v7 } from 'uuid';

/** A time-ordered UUIDv7, the primary key of every row. */
export function newId(): string {
  return v7();
}
