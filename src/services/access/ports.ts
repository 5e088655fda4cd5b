import type { Role } from '../../domain/access/role.ts';

/** Somebody whom another service vouches for. */
export interface VouchedFor {
  /** The name of the person or program there. */
  readonly subject: string;
  readonly roles: readonly Role[];
  /** When they logged in; null where the provider does not tell. */
  readonly issuedAt: Date | null;
}

/** The service that people log in to. */
export interface IdentityProvider {
  /**
   * Whom a token is about.
   * @throws LinewardError UNAUTHENTICATED for a token that is not of this provider, is over, or is for somebody else;
   * IDENTITY_PROVIDER_UNAVAILABLE.
   */
  identify(token: string): Promise<VouchedFor>;
}

/** The catalog, as far as it tells what carries a label. */
export interface CarryingDatasets {
  /** Ids of datasets with a field that carries the classification, as said of it or by lineage. */
  datasetsCarrying(classification: string): Promise<readonly string[]>;
}

/** A statement with a `?` for each of its values. */
export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}
