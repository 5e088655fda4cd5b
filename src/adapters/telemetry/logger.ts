import { type DestinationStream, type Logger as PinoLogger, pino, stdSerializers } from 'pino';
import { LinewardError } from '../../errors/lineward-error.ts';

/** An error as it is logged: type, code, stack. Messages of errors that are not ours may quote data and stay out. */
function serializeError(error: unknown): unknown {
  if (error instanceof LinewardError) {
    const cause = error.cause === undefined ? {} : { cause: serializeError(error.cause) };
    return { type: error.name, code: error.code, message: error.message, ...cause };
  }
  if (!(error instanceof Error)) return { type: typeof error };
  const { type, stack } = stdSerializers.err(error);
  // The first line of a stack is the message.
  const frames = (stack ?? '').split('\n').filter((line) => line.trimStart().startsWith('at '));
  return { type, code: 'code' in error ? error.code : undefined, frames: frames.slice(0, 8) };
}

/** JSON lines on standard error; request and operation ids are bound where they are known. */
export function createLogger(level: string, destination?: DestinationStream): PinoLogger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { error: serializeError, err: serializeError },
  };
  return pino(options, destination ?? pino.destination({ fd: 2, sync: true }));
}
