/** Where a message does not fit its schema. Says what was expected, never what was found. */
export interface MessageFault {
  readonly path: string;
  readonly message: string;
}

/** The faults of one message as a sentence for people. */
export function faultsText(faults: readonly MessageFault[]): string {
  return faults.map((fault) => `${fault.path} ${fault.message}`).join('; ');
}
