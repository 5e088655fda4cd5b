/**
 * What every answer tells browsers, and caches between: data is no page, in no frame, kept by nobody, and its address told to
 * no other site. Those of the OWASP list for REST that mean something to answers in JSON.
 */
export function securityHeaders({ hstsSeconds }: { readonly hstsSeconds: number }): Readonly<Record<string, string>> {
  return {
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    ...(hstsSeconds === 0 ? {} : { 'strict-transport-security': `max-age=${hstsSeconds}` }),
  };
}
