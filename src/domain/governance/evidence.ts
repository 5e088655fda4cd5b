import type { ReportName } from './report.ts';

/** The sealed audit log, beside the reports of a bundle. */
export const auditFile = 'audit.ndjson';
/** What a bundle is known by: a signed statement with the digest of each other file. */
export const manifestFile = 'manifest.json';

type Source = ReportName | 'audit';
const csv = (source: Source): string => (source === 'audit' ? auditFile : `${source}.csv`);

/** Frameworks that auditors ask by, and what of each is shown by which report or by the audit log. */
const obligations: Readonly<Record<string, Readonly<Record<string, readonly Source[]>>>> = {
  gdpr: {
    'Art. 5 (1) e, storage limitation': ['retention-coverage'],
    'Art. 5 (2), accountability': ['audit', 'approvals'],
    'Art. 12 (3), 17, erasure within a month': ['subject-requests'],
    'Art. 30, records of processing': ['processing-records'],
    'Art. 32, who read personal data in clear': ['clear-reads', 'access-rights'],
  },
  sox: {
    '§ 404, control of change: one asks, another approves': ['approvals', 'access-rights', 'audit'],
    '§ 802, records are kept': ['retention-coverage', 'audit'],
  },
  hipaa: {
    '§ 164.312 (a), access control': ['access-rights'],
    '§ 164.312 (b), audit controls': ['clear-reads', 'audit'],
    '§ 164.312 (c), integrity': ['approvals', 'audit'],
    '§ 164.316 (b) (2), documentation is kept': ['retention-coverage'],
  },
  pci: {
    '3.1, 3.2, keep little': ['retention-coverage', 'processing-records'],
    '7, 8, access by need and by person': ['access-rights', 'clear-reads'],
    '10.2 to 10.5, audit trails': ['audit', 'approvals'],
  },
};
export type Framework = 'gdpr' | 'sox' | 'hipaa' | 'pci' | 'all';
export const frameworks: readonly Framework[] = ['gdpr', 'sox', 'hipaa', 'pci', 'all'];

/** What is shown of an obligation, by the files of a bundle. */
export interface Obligation {
  readonly framework: string;
  readonly obligation: string;
  readonly files: readonly string[];
}

/** The obligations of a framework, and the reports that show them; the audit log is in every bundle. */
export function evidenceFor(framework: Framework): {
  readonly obligations: readonly Obligation[];
  readonly reports: readonly ReportName[];
} {
  const asked = Object.entries(obligations).filter(([name]) => framework === 'all' || name === framework);
  const shown = asked.flatMap(([name, of]) => Object.entries(of).map(([obligation, by]) => ({ name, obligation, by })));
  const sources = new Set(shown.flatMap(({ by }) => by));
  return {
    obligations: shown.map(({ name, obligation, by }) => ({ framework: name, obligation, files: by.map(csv) })),
    reports: [...sources].filter((source) => source !== 'audit'),
  };
}

/** The statement about a bundle that is signed, as `body` of `manifest.json`. */
export interface EvidenceManifest {
  readonly type: 'lineward.evidence';
  readonly version: 1;
  readonly framework: Framework;
  readonly at: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly files: readonly {
    readonly name: string;
    readonly bytes: number;
    /** Lower-case hex. */
    readonly sha256: string;
  }[];
  readonly obligations: readonly Obligation[];
}
