import { knownNames, placeOf, type SpecIssue } from './spec-issue.ts';
import { grainNames } from './transform-plan.ts';
import type { ResourceFormat, TransformerSpec } from './transformer-spec.ts';

/** How the path of a standard directory ends. */
const standardEnd = /\/by_(?<date>[^/]+)_(?<grain>ym|ymd|ymdh)\/(?<format>parquet|avro|ndjson)$/u;

/** Codecs that files of a format may have; the first is the usual one. */
export const resourceCodecs: Readonly<Record<ResourceFormat, readonly string[]>> = {
  parquet: ['zstd', 'snappy', 'none'],
  avro: ['deflate', 'zstandard', 'snappy', 'null'],
  ndjson: ['gzip', 'none'],
};

/** What is wrong with how files are to be written, and with a standard path that says something else. */
export function resourceIssues({ format, codec, path, indexing }: TransformerSpec['resource']): readonly SpecIssue[] {
  const issues: SpecIssue[] = [];
  if (codec !== undefined && !resourceCodecs[format].includes(codec))
    issues.push({
      path: placeOf(['resource', 'codec']),
      code: 'CODEC_UNKNOWN',
      message: `Files of ${format} have none of that name.${knownNames(resourceCodecs[format])}`,
    });
  const by = indexing?.[0];
  const standard = standardEnd.exec(path)?.groups;
  if (standard === undefined || by === undefined) return issues;
  const said = `by_${standard.date}_${standard.grain}/${standard.format}`;
  const wanted = `by_${by.date}_${grainNames[by.type]}/${format}`;
  if (said !== wanted)
    issues.push({
      path: placeOf(['resource', 'path']),
      code: 'PATH_MISMATCH',
      message: `The path says ${said}; what is asked for is ${wanted}.`,
    });
  return issues;
}
