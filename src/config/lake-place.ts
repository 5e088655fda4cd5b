import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bucketOfUrl } from './bucket-url.ts';

/** Where the lake is. */
export type LakePlace =
  | { readonly kind: 'LOCAL'; readonly root: string }
  | {
      readonly kind: 'S3';
      readonly bucket: string;
      readonly prefix: string;
      readonly region: string;
      readonly endpoint: string | undefined;
    };

/** True for a URL of a place that a lake can be. */
export const isLakeUrl = (text: string): boolean => pathOfFileUrl(text) !== null || bucketOfUrl(text) !== null;

/** The place that the settings name. */
export function lakeOf(settings: {
  readonly LAKE_URL?: string | undefined;
  readonly LAKE_S3_REGION: string;
  readonly LAKE_S3_ENDPOINT?: string | undefined;
  readonly LINEWARD_DATA_DIR: string;
}): LakePlace {
  const { LAKE_URL: url, LAKE_S3_REGION: region, LAKE_S3_ENDPOINT: endpoint } = settings;
  const bucket = url === undefined ? null : bucketOfUrl(url);
  if (bucket !== null) return { kind: 'S3', ...bucket, region, endpoint };
  const root = url === undefined ? null : pathOfFileUrl(url);
  return { kind: 'LOCAL', root: root ?? resolve(settings.LINEWARD_DATA_DIR, 'lake') };
}

function pathOfFileUrl(text: string): string | null {
  try {
    return fileURLToPath(text);
  } catch {
    return null;
  }
}
