import { Arg, Args, FieldResolver, ID, Query, Resolver, Root } from 'type-graphql';
import { globalId, nodeTypes, readGlobalId } from '../domain/global-id.ts';
import type { AuditEvent } from '../entities/audit-event.entity.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { AuditEventConnection, AuditEventFilter, AuditEventType } from '../schema/governance.type.ts';
import type { AuditReadModel } from '../services/audit/audit.read-model.ts';

@Resolver(() => AuditEventType)
export class AuditResolver {
  readonly #readModel: AuditReadModel;

  constructor(deps: { readonly audit: AuditReadModel }) {
    this.#readModel = deps.audit;
  }

  @Query(() => AuditEventConnection, { description: 'Audit events, newest first.' })
  async auditEvents(
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Arg('filter', () => AuditEventFilter, { nullable: true, description: 'Which events.' }) filter?: AuditEventFilter,
  ) {
    const resourceId =
      filter?.resourceId == null ? undefined : readGlobalId(filter.resourceId, ['filter', 'resourceId']).id;
    return new AuditEventConnection(
      await this.#readModel.auditEvents(page, { resourceId, action: filter?.action ?? undefined }),
    );
  }

  @FieldResolver(() => ID, {
    nullable: true,
    description: 'Global id of the object it was done to, if that is a node.',
  })
  resourceId(@Root() event: AuditEvent): string | null {
    const type = nodeTypes.find((candidate) => candidate === event.resourceType);
    return type === undefined || event.resourceId == null ? null : globalId(type, event.resourceId);
  }
}
