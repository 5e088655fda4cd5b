export const register = `mutation ($input: RegisterEntityVersionInput!) {
  registerEntityVersion(input: $input) {
    userErrors { code message }
    entity { id fullName aliases }
    version { number fields { nodes { path semanticType classifications } } }
  }
}`;

export const setPolicy = `mutation ($input: SetProtectionPolicyInput!) {
  setProtectionPolicy(input: $input) { userErrors { code message } protectionPolicy { id } }
}`;

export const preview = `query ($entityId: ID!, $sample: JSON!) {
  previewProtection(entityId: $entityId, accountField: "account_sid", sample: $sample) { protected }
}`;

export const createProtection = `mutation ($input: CreateStreamProtectionInput!) {
  createStreamProtection(input: $input) { userErrors { code message } stream { id source { name } target { name } } }
}`;

export const createLanding = `mutation ($input: CreateLakeLandingInput!) {
  createLakeLanding(input: $input) { userErrors { code message } stream { id target { id name lakeTable { rows } } } }
}`;

export const lakeTable = `query ($id: ID!) {
  node(id: $id) { ... on Dataset { name lakeTable { files rows bytes indexedFiles } } }
}`;

export const lineage = `query ($start: ID!) {
  lineage(start: $start, direction: UPSTREAM) { complete nodes { depth dataset { name } } edges { job } }
}`;

export const placeHold = `mutation ($input: PlaceLegalHoldInput!) {
  placeLegalHold(input: $input) { userErrors { code message } legalHold { id } }
}`;

export const requestErasure = `mutation ($input: RequestErasureInput!) {
  requestErasure(input: $input) { userErrors { code message } operation { id status } }
}`;

export const approve = `mutation ($input: ApproveOperationInput!) {
  approveOperation(input: $input) { userErrors { code message } operation { id status } }
}`;

export const operationUpdated = `subscription ($id: ID!) {
  operationUpdated(id: $id) {
    id status statusReason planHash
    gaps { code dataset reason }
    targets {
      nodes {
        sequence role status statusReason dataset { name }
        estimate { action files records seconds }
        progress { done total unit bytesDone bytesTotal records secondsLeft }
        receipt { recordsErased filesRewritten filesRemoved }
        verification { survivors lost recordsScanned }
      }
    }
    certificate { body signature publicKey }
  }
}`;

export interface OperationNow {
  readonly id: string;
  readonly status: string;
  readonly statusReason: string | null;
  readonly planHash: string | null;
  readonly gaps: readonly { readonly code: string; readonly dataset: string; readonly reason: string }[];
  readonly targets: {
    readonly nodes: readonly {
      readonly sequence: number;
      readonly role: string;
      readonly status: string;
      readonly statusReason: string | null;
      readonly dataset: { readonly name: string };
      readonly estimate: {
        readonly action: string;
        readonly files: number;
        readonly records: number;
        readonly seconds: number;
      };
      readonly progress: { readonly done: number; readonly total: number; readonly unit: string } | null;
      readonly receipt: {
        readonly recordsErased: number;
        readonly filesRewritten: number;
        readonly filesRemoved: number;
      } | null;
      readonly verification: {
        readonly survivors: number;
        readonly lost: number;
        readonly recordsScanned: number;
      } | null;
    }[];
  };
  readonly certificate: {
    readonly body: CertificateSummary;
    readonly signature: string;
    readonly publicKey: string;
  } | null;
}

export interface CertificateSummary {
  readonly outcome: string;
  readonly totals: { readonly recordsErased: number; readonly survivors: number; readonly lost: number };
  readonly residues: readonly { readonly dataset: string; readonly reason: string; readonly until: string | null }[];
  readonly open: readonly { readonly code: string; readonly reason: string }[];
}
