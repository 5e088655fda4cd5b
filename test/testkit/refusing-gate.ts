import { httpGate } from './http-gate.ts';

/** Stands before a server of S3 and refuses some requests, as a policy of the bucket or of the credentials would. */
export interface RefusingGate {
  readonly url: string;
  /** First lines of requests that are answered with 403 from now on; null for none. */
  refuse(requests: RegExp | null): void;
  /** Requests that were refused. */
  readonly refused: readonly string[];
  close(): Promise<void>;
}

const body =
  '<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>';
const answer = `HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

export async function refusingGate(target: string): Promise<RefusingGate> {
  let requests: RegExp | null = null;
  const refused: string[] = [];
  const gate = await httpGate(target, (incoming, outgoing) => {
    incoming.on('data', (bytes) => {
      // What is refused has no body, so its headers are all of it.
      const line = /^[A-Z]+ \/\S*/u.exec(bytes.toString('latin1'))?.[0];
      if (line !== undefined && requests?.test(line)) {
        refused.push(line);
        incoming.write(answer);
      } else outgoing.write(bytes);
    });
    outgoing.pipe(incoming);
  });
  return {
    ...gate,
    refuse(some) {
      requests = some;
    },
    refused,
  };
}
