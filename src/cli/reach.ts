import { processEnv } from '../config/env.ts';
import { LinewardError } from '../errors/lineward-error.ts';

/** A request to a service, with the token of the environment. @throws LinewardError BAD_INPUT when nothing answers. */
export async function reach(url: string, init: RequestInit = {}): Promise<Response> {
  const token = processEnv().LINEWARD_API_TOKEN?.reveal();
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return fetch(url, { ...init, headers: { ...authorization, ...init.headers } }).catch((cause: unknown) => {
    throw new LinewardError('BAD_INPUT', `nothing answers at ${url}; start it, or name another with --url`, { cause });
  });
}
