import { Arg, Args, Ctx, FieldResolver, Float, ID, Query, Resolver, Root } from 'type-graphql';
import type { AuditSeal, AuditVerification } from '../domain/audit/audit-proof.ts';
import { globalId, nodeTypes, readGlobalId } from '../domain/global-id.ts';
import type { AuditEvent } from '../entities/audit-event.entity.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import {
  AuditEventConnection,
  AuditEventFilter,
  AuditEventType,
  AuditSealType,
  AuditVerificationType,
} from '../schema/audit.type.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import type { AuditReadModel } from '../services/audit/audit.read-model.ts';
import type { AuditVerifier } from '../services/audit/audit-verification.ts';
import type { RequestContext } from './context.ts';

@Resolver(() => AuditEventType)
export class AuditResolver {
  readonly #readModel: AuditReadModel;
  readonly #verifier: AuditVerifier;

  constructor(deps: { readonly audit: AuditReadModel; readonly auditVerifier: AuditVerifier }) {
    this.#readModel = deps.audit;
    this.#verifier = deps.auditVerifier;
  }

  @Query(() => AuditEventConnection, { description: 'Audit events, newest first.' })
  async auditEvents(
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Arg('filter', () => AuditEventFilter, { nullable: true, description: 'Which events.' }) filter?: AuditEventFilter,
  ) {
    const { resourceId, action, actorId, outcome, since, before } = filter ?? {};
    return new AuditEventConnection(
      await this.#readModel.auditEvents(page, {
        resourceId: resourceId == null ? undefined : readGlobalId(resourceId, ['filter', 'resourceId']).id,
        action: action ?? undefined,
        actorId: actorId ?? undefined,
        outcome: outcome ?? undefined,
        since: since ?? undefined,
        before: before ?? undefined,
      }),
    );
  }

  @Query(() => AuditVerificationType, {
    description:
      'Proves that the audit log is as it was written, or names the first place where it is not. Reads the log: about a second for 50,000 events.',
  })
  auditVerification(
    @Arg('after', () => Float, {
      defaultValue: 0,
      description: 'Follow the links behind this one, which is believed; 0 begins with the first.',
    })
    after: number,
  ): Promise<AuditVerification> {
    if (!Number.isSafeInteger(after) || after < 0)
      throw new LinewardError('BAD_INPUT', 'after: must be 0 or the number of a link', { path: ['after'] });
    return this.#verifier.verify(after);
  }

  @FieldResolver(() => ID, {
    nullable: true,
    description: 'Global id of the object it was done to, if that is a node.',
  })
  resourceId(@Root() event: AuditEvent): string | null {
    const type = nodeTypes.find((candidate) => candidate === event.resourceType);
    return type === undefined || event.resourceId == null ? null : globalId(type, event.resourceId);
  }

  @FieldResolver(() => AuditSealType, {
    nullable: true,
    description: 'Its place in the hash chain; null in the moment before it is sealed.',
  })
  seal(@Root() event: AuditEvent, @Ctx() { loaders }: RequestContext): Promise<AuditSeal | null> {
    return loaders.auditSeal.load(event.id);
  }
}
