import { S3ServiceException } from '@aws-sdk/client-s3';
import { LinewardError } from '../../../errors/lineward-error.ts';
import { fileFailure } from '../local/file-failure.ts';

/** HTTP status of an answer of S3; null for what is no answer. */
function statusOf(error: unknown): number | null {
  return error instanceof S3ServiceException ? (error.$metadata.httpStatusCode ?? null) : null;
}

export const isMissing = (error: unknown): boolean => statusOf(error) === 404;

/** The condition of a request did not hold: the object is not what it was, or there is one where none should be. */
export const isUnequal = (error: unknown): boolean => {
  const status = statusOf(error);
  return status === 412 || status === 409;
};

/** True where S3 forbids what the credentials ask for, object locks included. */
export const isForbidden = (error: unknown): boolean => statusOf(error) === 403;

/** True where S3 answers that it will not do what it was asked, now or later. */
export const isRefused = (error: unknown): boolean => {
  const status = statusOf(error);
  return status === 501 || (status !== null && status >= 400 && status < 500 && status !== 429);
};

/** Tells a failure of S3 in our words; `path` is relative to the lake's root. */
export function s3Failure(error: unknown, path: string): LinewardError {
  if (error instanceof LinewardError) return error;
  const status = statusOf(error);
  const options = { cause: error, details: { path, ...(status !== null && { status }) } };
  if (isForbidden(error)) {
    return new LinewardError(
      'LAKE_TABLE_REFUSED',
      `The bucket refuses the request at ${path}: give the credentials s3:GetObject, PutObject, DeleteObject, ListBucket and their forms for versions, or look for an object lock.`,
      options,
    );
  }
  if (status === 404) return new LinewardError('NOT_FOUND', `There is no lake file at ${path}.`, options);
  if (status !== null && status < 500 && status !== 429) {
    return new LinewardError(
      'LAKE_ENGINE_FAILED',
      `The bucket refused a request at ${path} (HTTP ${status}).`,
      options,
    );
  }
  // A local fault of a staged file or a copy has an errno, a bucket that does not answer has another one or none.
  if (isLocal(error)) return fileFailure(error, path);
  return new LinewardError('LAKE_STORE_UNAVAILABLE', undefined, options);
}

const isLocal = (error: unknown): boolean => error instanceof Error && 'path' in error && 'errno' in error;
