import { LinewardError } from '../errors/lineward-error.ts';

/** @throws LinewardError BAD_INPUT */
export function assertRange(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new LinewardError('BAD_INPUT', `${name} must be between ${min} and ${max}`, { path: [name] });
}
