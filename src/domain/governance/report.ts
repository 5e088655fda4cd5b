/** Reports that auditors ask for, and what each tells. */
export const reports = {
  'processing-records':
    'Records of processing (GDPR Art. 30): each place of an entity that holds personal data, of which categories, who owns it, where it goes, and how long it is kept.',
  'subject-requests':
    'Requests of data subjects for erasure (GDPR Art. 17), with the deadline of a month (Art. 12 (3)) and what became of each.',
  'clear-reads':
    'Who decrypted values of which account, and read which classified columns of which lake table in clear, for what purpose, and how often, by day.',
  'retention-coverage':
    'Each place with personal data, the rules, policies and minimums by which its records go or stay, and why a policy cannot be followed.',
  approvals: 'Who asked for operations that change or destroy data, and who approved them.',
  'access-rights': 'Tokens with their roles: who made them, until when they hold, who revoked them.',
} as const;
export type ReportName = keyof typeof reports;
export const reportNames = Object.keys(reports) as readonly ReportName[];

export interface ReportRange {
  /** What happened from this instant on, and before the other; null for no limit. Reports of how things stand pass over both. */
  readonly from: Date | null;
  readonly to: Date | null;
}

export type ReportRow = Readonly<Record<string, string | number | boolean | null>>;

/** Some rows of a report, by column. */
export interface ReportPage {
  readonly columns: readonly string[];
  readonly rows: readonly ReportRow[];
  readonly hasMore: boolean;
}

/** The statement about a report that is signed. */
export interface ReportStatement {
  readonly type: 'lineward.report';
  readonly version: 1;
  readonly name: ReportName;
  readonly at: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly rows: number;
  /** SHA-256 of the text of the report, lower-case hex. */
  readonly sha256: string;
}
