/** A year, as browsers want it before they take a host for one of HTTPS. */
const strictTransport = 'max-age=31536000';

/**
 * What every answer tells browsers, and caches between: data is no page, in no frame, kept by nobody, and its address told to
 * no other site. Those of the OWASP list for REST that mean something to answers in JSON.
 */
export function securityHeaders({ isTls }: { readonly isTls: boolean }): Readonly<Record<string, string>> {
  return {
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    ...(isTls ? { 'strict-transport-security': strictTransport } : {}),
  };
}
