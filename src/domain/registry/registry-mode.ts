import { LinewardError } from '../../errors/lineward-error.ts';

export const registryModes = ['READWRITE', 'READONLY', 'READONLY_OVERRIDE', 'IMPORT'] as const;
/** Whether a subject takes registrations, and whether these bring their own ids (`IMPORT`). */
export type RegistryMode = (typeof registryModes)[number];

/** @throws LinewardError MODE_INVALID */
export function readMode(value: unknown): RegistryMode {
  const found = registryModes.find((mode) => typeof value === 'string' && mode === value.toUpperCase());
  if (found === undefined) {
    throw new LinewardError('MODE_INVALID', `Invalid mode. Valid values are ${registryModes.join(', ')}.`, {
      path: ['mode'],
    });
  }
  return found;
}
