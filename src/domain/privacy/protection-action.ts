/** Actions from mild to strict; at equal scope the stricter wins. */
export const protectionActions = ['NONE', 'REDACT', 'TOKENIZE', 'ENCRYPT', 'REMOVE'] as const;
export type ProtectionAction = (typeof protectionActions)[number];
