/** Another content for a text or bytes in a record; null leaves them. */
export type TextReplacement = (content: Buffer) => Uint8Array | null;
