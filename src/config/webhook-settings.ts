import { z } from 'zod';

/** Settings of what is sent to webhooks. */
export const webhookSettings = {
  WEBHOOK_PRIVATE_ADDRESSES: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe(
      '`true`, for development and tests: webhooks may be plain HTTP and at addresses that are not public. Who makes webhooks then reaches what this process reaches.',
    ),
  WEBHOOK_TIMEOUT_MS: z.coerce
    .number()
    .int()
    .min(100)
    .max(60_000)
    .default(10_000)
    .describe('Longest time for the answer of a webhook, milliseconds.'),
};
