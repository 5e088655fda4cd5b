/** Where a message does not fit its schema. Says what was expected, never what was found. */
export interface MessageFault {
  readonly path: string;
  readonly message: string;
}

/** A message in the binary form of its schema language, or where it does not fit. */
export type EncodedMessage =
  | { readonly ok: true; readonly payload: Uint8Array }
  | { readonly ok: false; readonly faults: readonly MessageFault[] };

/** The faults of one message as a sentence for people. */
export function faultsText(faults: readonly MessageFault[]): string {
  return faults.map((fault) => `${fault.path} ${fault.message}`).join('; ');
}
