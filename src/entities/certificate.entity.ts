import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** The signed summary of a finished operation; `body` is the canonical JSON that was signed. */
export const CertificateSchema = defineEntity({
  name: 'Certificate',
  tableName: 'certificate',
  properties: {
    id: p.text().primary(),
    operationId: p.text(),
    round: p.integer(),
    body: p.text(),
    signature: p.text(),
    publicKey: p.text(),
    issuedAt: p.datetime(),
  },
});
export type Certificate = InferEntity<typeof CertificateSchema>;
