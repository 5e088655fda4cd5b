import type { OperationCertifier } from '../services/operations/operation-certifier.ts';
import { certifyOperationJob } from './certify-operation.job.ts';
import { implementJob, type JobProcessor } from './kit.ts';

export function certifyOperationProcessor(deps: { readonly certifier: OperationCertifier }): JobProcessor {
  return implementJob(certifyOperationJob, ({ payload }) => deps.certifier.certify(payload.operationId));
}
