import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';

const reference = z.object({ name: z.string().min(1), subject: z.string().min(1), version: z.number().int() });

const versionLine = z.object({
  subject: z.string().min(1),
  version: z.number().int().positive(),
  id: z.number().int().positive(),
  schemaType: z.string().nullish(),
  schema: z.string(),
  references: z.array(reference).nullish(),
  metadata: z.unknown().optional(),
  ruleSet: z.unknown().optional(),
  deleted: z.boolean().nullish(),
});
const settingLine = z.object({
  /** Null stands for everything, `:.context:` for a context. */
  subject: z.string().nullable(),
  config: z.record(z.string(), z.unknown()).optional(),
  mode: z.string().optional(),
});

/** A version with its id, in the shape that Confluent's registry lists it; or settings of a place. */
export type TransferLine =
  | ({ readonly kind: 'version' } & z.infer<typeof versionLine>)
  | ({ readonly kind: 'setting' } & z.infer<typeof settingLine>);

/**
 * Reads a line of an export.
 * @throws LinewardError BAD_INPUT
 */
export function readTransferLine(text: string): TransferLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new LinewardError('BAD_INPUT', 'The line is not JSON.');
  }
  const version = versionLine.safeParse(value);
  if (version.success) return { kind: 'version', ...version.data };
  const setting = settingLine.safeParse(value);
  const isSetting = setting.success && (setting.data.config !== undefined || setting.data.mode !== undefined);
  if (isSetting) return { kind: 'setting', ...setting.data };
  const issue = version.error.issues[0];
  const path = (issue?.path ?? []).map(String);
  throw new LinewardError(
    'BAD_INPUT',
    `${path.join('.') || 'line'}: ${issue?.message ?? 'is not valid'}; a line is {"subject", "version", "id", "schema", …} or {"subject", "config" or "mode"}`,
    { path },
  );
}
