import { z } from 'zod';
import { Secret } from './secret.ts';

/** A URL that may hold a password. */
export const secretUrl = (schemes: readonly string[], description: string) =>
  z
    .string()
    .refine((text) => schemes.some((scheme) => text.startsWith(scheme)), `must start with ${schemes.join(' or ')}`)
    .transform((text) => new Secret(text))
    .optional()
    .describe(description);
