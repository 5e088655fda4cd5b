import { z } from 'zod';
import { isLoopback } from './loopback.ts';

/** Keys or records pass over it, so that plain HTTP is for this machine alone. */
export const serverUrl = () =>
  z
    .string()
    .refine(isSafeUrl, 'must be an https: URL without user, query or fragment; http: only on this machine')
    .optional();

function isSafeUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || `${url.username}${url.password}${url.search}${url.hash}` !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname.replace(/^\[|\]$/g, '')));
}
