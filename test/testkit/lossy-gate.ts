import { httpGate } from './http-gate.ts';

/** Stands before a server over HTTP and loses one answer: the request arrives, and the connection breaks instead. */
export interface LossyGate {
  readonly url: string;
  /** The next answer of success to a request of this method is lost. */
  loseAnswerTo(method: string): void;
  readonly lost: number;
  close(): Promise<void>;
}

export async function lossyGate(target: string): Promise<LossyGate> {
  let method: string | null = null;
  let lost = 0;
  const gate = await httpGate(target, (incoming, outgoing) => {
    let asked = '';
    incoming.on('data', (bytes) => {
      const line = /^[A-Z]+(?= \/)/u.exec(bytes.toString('latin1'))?.[0];
      if (line !== undefined) asked = line;
    });
    outgoing.on('data', (bytes) => {
      if (asked === method && /^HTTP\/1\.1 20/u.test(bytes.toString('latin1'))) {
        [method, lost] = [null, lost + 1];
        incoming.destroy();
      } else incoming.write(bytes);
    });
    incoming.pipe(outgoing);
  });
  return {
    ...gate,
    loseAnswerTo(lostMethod) {
      method = lostMethod;
    },
    get lost() {
      return lost;
    },
  };
}
