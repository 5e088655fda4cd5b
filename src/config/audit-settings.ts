import { z } from 'zod';
import { bucketOfUrl } from './bucket-url.ts';
import { serverUrl } from './server-url.ts';

/** Settings of where and when the audit log is given checkpoints. */
export const auditSettings = {
  AUDIT_CHECKPOINT_MINUTES: z.coerce
    .number()
    .int()
    .min(1)
    .max(10_080)
    .default(60)
    .describe('Time between two signed checkpoints of the audit log while events are written, minutes.'),
  AUDIT_CHECKPOINT_URL: z
    .string()
    .refine((text) => bucketOfUrl(text) !== null, 'must be s3://bucket/folder')
    .optional()
    .describe(
      'Bucket with Object Lock to which checkpoints of the audit log are published, `s3://bucket/folder`. Unset: `audit` in the directory of the ledger.',
    ),
  AUDIT_CHECKPOINT_S3_ENDPOINT: serverUrl().describe('URL of another S3 server than that of Amazon.'),
  AUDIT_CHECKPOINT_S3_REGION: z.string().min(1).default('us-east-1').describe('Region of that bucket.'),
  AUDIT_CHECKPOINT_LOCK_DAYS: z.coerce
    .number()
    .int()
    .min(1)
    .max(36_500)
    .default(2_557)
    .describe('How long nobody may delete a checkpoint in that bucket, days. Default: seven years.'),
};

type Settings = z.infer<z.ZodObject<typeof auditSettings>>;

/** The bucket that checkpoints go to; null where they go to the directory of the ledger. */
export function checkpointBucketOf(settings: Settings) {
  const bucket = settings.AUDIT_CHECKPOINT_URL === undefined ? null : bucketOfUrl(settings.AUDIT_CHECKPOINT_URL);
  return (
    bucket && {
      ...bucket,
      region: settings.AUDIT_CHECKPOINT_S3_REGION,
      endpoint: settings.AUDIT_CHECKPOINT_S3_ENDPOINT,
      lockDays: settings.AUDIT_CHECKPOINT_LOCK_DAYS,
    }
  );
}
