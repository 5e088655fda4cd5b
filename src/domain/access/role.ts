/** What an actor may be allowed to do, and what that is. */
export const actions = {
  DISCOVER: 'Read the catalog: entities, schemas, datasets, lineage, topics, streams, and how far operations are.',
  READ_EVIDENCE:
    'Read why operations were requested, plans, gaps, receipts, certificates: they may tell whom an operation is about.',
  READ_REDACTED: 'Redact values, have samples of topics looked at, and see records with their values masked.',
  READ_LAKE: 'Read rows of lake tables; what is personal in them is masked for whoever may not see it in clear.',
  READ_CLEAR: 'See values of records as they are, where the product shows records.',
  READ_SUBJECTS: 'Read whom operations and legal holds are about.',
  REGISTER: 'Register schemas, entities, mappings, tables and streams, and describe them.',
  CLASSIFY: 'Say what is personal and how it is protected: semantic types, labels, policies.',
  OPERATE: 'Pause, resume and replay streams, discover topics, take up operations again.',
  PRODUCE: 'Send records.',
  INGEST_LINEAGE: 'Send lineage events.',
  ENCRYPT: 'Encrypt values.',
  DECRYPT: 'Decrypt values.',
  ERASE: 'Request operations on data, and rules that do so: erasure, protection, retention.',
  APPROVE: 'Approve and cancel operations and changes of retention.',
  MANAGE_KEYS: 'Rotate keys, and request that they be destroyed.',
  HOLD: 'Place legal holds.',
  RELEASE_HOLD: 'Release legal holds.',
  RETAIN: 'Say how long regulations want records to be kept, and end what has run out.',
  BYPASS_RETENTION: 'Shorten or remove minimum retentions in governance mode.',
  READ_AUDIT: 'Read, verify and export the audit log.',
  BREAK_GLASS: 'Take a permission in an emergency, for a short time; no role has it, policies give it.',
  GRANT: 'Make and revoke API tokens and access policies; say who outside is told of changes.',
} as const;
export type Action = keyof typeof actions;

/**
 * Roles and what each may do; an actor may do what any of its roles may. Nobody who grants or audits can decrypt, and only
 * `legal` releases holds.
 */
export const roles = {
  viewer: ['DISCOVER', 'READ_LAKE'],
  engineer: [
    'DISCOVER',
    'READ_EVIDENCE',
    'READ_REDACTED',
    'READ_LAKE',
    'REGISTER',
    'OPERATE',
    'PRODUCE',
    'INGEST_LINEAGE',
  ],
  steward: ['DISCOVER', 'READ_REDACTED', 'READ_LAKE', 'REGISTER', 'CLASSIFY'],
  privacy_officer: [
    'DISCOVER',
    'READ_EVIDENCE',
    'READ_REDACTED',
    'READ_LAKE',
    'READ_CLEAR',
    'READ_SUBJECTS',
    'CLASSIFY',
    'ENCRYPT',
    'DECRYPT',
    'ERASE',
    'RETAIN',
    'APPROVE',
    'OPERATE',
    'READ_AUDIT',
  ],
  security_admin: ['DISCOVER', 'READ_EVIDENCE', 'GRANT', 'MANAGE_KEYS', 'APPROVE', 'READ_AUDIT'],
  auditor: ['DISCOVER', 'READ_EVIDENCE', 'READ_SUBJECTS', 'READ_AUDIT'],
  legal: [
    'DISCOVER',
    'READ_EVIDENCE',
    'READ_SUBJECTS',
    'HOLD',
    'RELEASE_HOLD',
    'RETAIN',
    'BYPASS_RETENTION',
    'READ_AUDIT',
  ],
  service: ['DISCOVER', 'READ_REDACTED', 'REGISTER', 'PRODUCE', 'INGEST_LINEAGE', 'ENCRYPT'],
} as const satisfies Readonly<Record<string, readonly Action[]>>;
export type Role = keyof typeof roles;

export const roleNames = Object.keys(roles) as readonly Role[];

const allowed = new Map<Role, ReadonlySet<Action>>(roleNames.map((role) => [role, new Set<Action>(roles[role])]));

/** True when one of the roles may do it. */
export function mayDo(given: readonly Role[], action: Action): boolean {
  return given.some((role) => allowed.get(role)?.has(action) === true);
}

/** The roles that may do it. */
export function rolesFor(action: Action): readonly Role[] {
  return roleNames.filter((role) => mayDo([role], action));
}
