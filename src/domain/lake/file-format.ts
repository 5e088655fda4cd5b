/** How a file of a lake is written. */
export const fileFormats = ['PARQUET', 'NDJSON', 'AVRO'] as const;
export type FileFormat = (typeof fileFormats)[number];

const lines = /\.(?:ndjson|jsonl|json)(?<gzip>\.gz)?$/iu;
const container = /\.avro$/iu;

/** The format that a file's name tells, and nothing else: what has no ending of another format is Parquet, or is damaged. */
export function formatOf(path: string): FileFormat {
  if (lines.test(path)) return 'NDJSON';
  return container.test(path) ? 'AVRO' : 'PARQUET';
}

/** True for lines of JSON that are compressed as a whole. */
export const isGzipped = (path: string): boolean => lines.exec(path)?.groups?.gzip !== undefined;

/** True for a name by which a file is known to be one of a table. */
export const namesTableFile = (name: string): boolean => /\.parquet$/u.test(name) || formatOf(name) !== 'PARQUET';

/** An ending for a copy of the file, by which its format is told as by the file's own name. */
export function endingOf(path: string): string {
  if (formatOf(path) === 'NDJSON') return isGzipped(path) ? '.ndjson.gz' : '.ndjson';
  return formatOf(path) === 'AVRO' ? '.avro' : '.parquet';
}
