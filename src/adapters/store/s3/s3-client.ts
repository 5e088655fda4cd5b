import { S3Client } from '@aws-sdk/client-s3';

const ignore = () => {};
/** What went wrong is thrown, and what the client remarks on streams is for nobody. */
const silent = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };

/** A client with credentials by the default chain of the AWS SDK. `endpoint` is of another server than Amazon's. */
export function s3Client(place: { readonly region: string; readonly endpoint?: string | undefined }): S3Client {
  const { region, endpoint } = place;
  // Other servers are addressed by path: their certificates and names seldom cover a host per bucket.
  const elsewhere = endpoint === undefined ? {} : { endpoint, forcePathStyle: true };
  return new S3Client({ region, maxAttempts: 5, logger: silent, ...elsewhere });
}
