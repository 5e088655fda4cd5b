import { Args, Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import type { Gap } from '../domain/operations/target.ts';
import type { Certificate } from '../entities/certificate.entity.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import type { Operation, OperationTarget } from '../entities/operation.entity.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { DatasetType } from '../schema/dataset.type.ts';
import { CertificateType, OperationSubjectConnection, OperationType } from '../schema/operation.type.ts';
import {
  GapType,
  OperationTargetConnection,
  OperationTargetType,
  ProgressType,
} from '../schema/operation-target.type.ts';
import { Json } from '../schema/scalars.ts';
import type { OperationSummary } from '../services/operations/operation.read-model.ts';
import type { RequestContext } from './context.ts';

@Resolver(() => OperationType)
export class OperationFields {
  @FieldResolver(() => [GapType], {
    description: 'Places the plan cannot reach; with any, the operation can only end PARTIAL.',
  })
  gaps(@Root() { id }: Operation, @Ctx() { loaders }: RequestContext): Promise<readonly Gap[]> {
    return loaders.gapsOfOperation.load(id);
  }

  @FieldResolver(() => Json, {
    nullable: true,
    description: 'The whole plan that `planHash` is of; null until planned.',
  })
  plan(@Root() { id }: Operation, @Ctx() { loaders }: RequestContext): Promise<unknown> {
    return loaders.planOfOperation.load(id);
  }

  @FieldResolver(() => OperationTargetConnection, { description: 'Places it acts on, in working order.' })
  async targets(
    @Root() operation: Operation,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Ctx() { loaders }: RequestContext,
  ) {
    return new OperationTargetConnection(
      await loaders.targetsOfOperation.load({ parentId: operation.id, request: page }),
    );
  }

  @FieldResolver(() => OperationSubjectConnection, { description: 'Whom it is about.' })
  async subjects(
    @Root() operation: Operation,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Ctx() { loaders }: RequestContext,
  ) {
    return new OperationSubjectConnection(
      await loaders.subjectsOfOperation.load({ parentId: operation.id, request: page }),
    );
  }

  @FieldResolver(() => CertificateType, {
    nullable: true,
    description:
      'The newest certificate; null until one is issued. What was cancelled after it began gets one of what had been done.',
  })
  certificate(@Root() operation: Operation, @Ctx() { loaders }: RequestContext): Promise<Certificate | null> {
    return loaders.certificate.load(operation.id);
  }
}

@Resolver(() => OperationTargetType)
export class OperationTargetFields {
  @FieldResolver(() => DatasetType, { nullable: true, description: 'The place.' })
  dataset(@Root() target: OperationTarget, @Ctx() { loaders }: RequestContext): Promise<Dataset | null> {
    return loaders.dataset.load(target.datasetId);
  }

  @FieldResolver(() => ProgressType, {
    nullable: true,
    description: 'How much of the phase is done that `status` names; null before its first report.',
  })
  progress(@Root() { progress }: OperationTarget): ProgressType | null {
    if (progress === null) return null;
    const { bytes, records = null, startedAt = null, secondsLeft = null } = progress;
    const began = startedAt === null ? null : new Date(startedAt);
    const [bytesDone, bytesTotal] = [bytes?.done ?? null, bytes?.total ?? null];
    return { ...progress, bytesDone, bytesTotal, records, startedAt: began, secondsLeft };
  }
}

@Resolver(() => CertificateType)
export class CertificateFields {
  @FieldResolver(() => Json, {
    description:
      'The signed statement: outcome, subjects by digest, places with receipts and verifications, totals, open points, residues.',
  })
  body(@Root() certificate: Certificate): unknown {
    return JSON.parse(certificate.body);
  }

  @FieldResolver(() => OperationType, { nullable: true, description: 'The operation it certifies.' })
  operation(@Root() certificate: Certificate, @Ctx() { loaders }: RequestContext): Promise<OperationSummary | null> {
    return loaders.operation.load(certificate.operationId);
  }
}
