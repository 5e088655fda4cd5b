import { Arg, Ctx, ID, Query, Resolver } from 'type-graphql';
import { type NodeTypeName, readGlobalId } from '../domain/global-id.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import { NodeType, type TaggedNode } from '../schema/node.type.ts';
import type { AccessPolicyReadModel } from '../services/access/access-policy.read-model.ts';
import type { ApiTokenReadModel } from '../services/access/api-token.read-model.ts';
import type { AuditReadModel } from '../services/audit/audit.read-model.ts';
import type { WebhookReadModel } from '../services/changes/webhook.read-model.ts';
import type { GovernanceReadModel } from '../services/governance/governance.read-model.ts';
import type { StreamReadModel } from '../services/kafka/stream.read-model.ts';
import type { TopicReadModel } from '../services/kafka/topic.read-model.ts';
import type { TopicRetentionReadModel } from '../services/kafka/topic-retention.read-model.ts';
import type { LakeReadModel } from '../services/lake/lake.read-model.ts';
import type { LineageReadModel } from '../services/lineage/lineage.read-model.ts';
import type { VocabularyReadModel } from '../services/lineage/vocabulary.read-model.ts';
import type { OperationReadModel } from '../services/operations/operation.read-model.ts';
import type { AccountKeyReadModel } from '../services/privacy/account-key.read-model.ts';
import type { ProtectionReadModel } from '../services/privacy/protection.read-model.ts';
import type { RegistryReadModel } from '../services/registry/registry.read-model.ts';
import type { TransformerReadModel } from '../services/transform/transformer.read-model.ts';
import { nodeRule } from './access-rules.ts';
import type { RequestContext } from './context.ts';

type Read = (ids: readonly string[]) => Promise<readonly { readonly id: string }[]>;

const idsMax = 100;

export interface NodeSources {
  readonly registry: RegistryReadModel;
  readonly operations: OperationReadModel;
  readonly governance: GovernanceReadModel;
  readonly audit: AuditReadModel;
  readonly apiTokens: ApiTokenReadModel;
  readonly accessPolicies: AccessPolicyReadModel;
  readonly lineage: LineageReadModel;
  readonly streams: StreamReadModel;
  readonly protection: ProtectionReadModel;
  readonly accountKeys: AccountKeyReadModel;
  readonly topics: TopicReadModel;
  readonly topicRetentions: TopicRetentionReadModel;
  readonly lake: LakeReadModel;
  readonly vocabulary: VocabularyReadModel;
  readonly webhooks: WebhookReadModel;
  readonly transformers: TransformerReadModel;
}

@Resolver()
export class NodeResolver {
  readonly #read: Readonly<Record<NodeTypeName, Read>>;

  constructor(sources: NodeSources) {
    const { registry, operations, governance, audit, lineage, streams, protection, accountKeys, lake } = sources;
    this.#read = {
      Entity: (ids) => registry.entitiesById(ids),
      EntityVersion: (ids) => registry.versionsById(ids),
      EntityField: (ids) => registry.fieldsById(ids),
      Dataset: (ids) => registry.datasetsById(ids),
      Mapping: (ids) => registry.mappingsById(ids),
      LakeRegistration: (ids) => lake.registrationsById(ids),
      Transformer: (ids) => sources.transformers.transformersById(ids),
      TransformerVersion: (ids) => sources.transformers.versionsById(ids),
      TransformRun: (ids) => sources.transformers.runsById(ids),
      Stream: (ids) => streams.streamsById(ids),
      ProtectionPolicy: (ids) => protection.policiesById(ids),
      AccountKey: (ids) => accountKeys.accountKeysById(ids),
      LineageEdge: (ids) => lineage.stepsById(ids),
      Operation: (ids) => operations.operationsById(ids),
      OperationTarget: (ids) => operations.targetsById(ids),
      Certificate: (ids) => operations.certificatesById(ids),
      LegalHold: (ids) => governance.legalHoldsById(ids),
      Topic: (ids) => sources.topics.topicsById(ids),
      TopicRetention: (ids) => sources.topicRetentions.topicRetentionsById(ids),
      AuditEvent: (ids) => audit.auditEventsById(ids),
      ApiToken: (ids) => sources.apiTokens.apiTokensById(ids),
      AccessPolicy: (ids) => sources.accessPolicies.accessPoliciesById(ids),
      GlossaryTerm: async (ids) => (await sources.vocabulary.wordsById(ids)).filter(({ kind }) => kind === 'TERM'),
      Domain: async (ids) => (await sources.vocabulary.wordsById(ids)).filter(({ kind }) => kind === 'DOMAIN'),
      Webhook: (ids) => sources.webhooks.webhooksById(ids),
    };
  }

  @Query(() => NodeType, { nullable: true, description: 'The object of a global id; null when it does not exist.' })
  async node(
    @Ctx() context: RequestContext,
    @Arg('id', () => ID, { description: 'Global id.' }) id: string,
  ): Promise<TaggedNode | null> {
    return (await this.#load(context, [id]))[0] ?? null;
  }

  @Query(() => [NodeType], {
    nullable: 'items',
    description: 'The objects of at most 100 global ids, in their order; null where one does not exist.',
  })
  nodes(
    @Ctx() context: RequestContext,
    @Arg('ids', () => [ID], { description: 'Global ids.' }) ids: string[],
  ): Promise<readonly (TaggedNode | null)[]> {
    if (ids.length > idsMax) throw new LinewardError('LIMIT_EXCEEDED', `ids: at most ${idsMax}`, { path: ['ids'] });
    return this.#load(context, ids);
  }

  async #load({ actor, access }: RequestContext, texts: readonly string[]): Promise<readonly (TaggedNode | null)[]> {
    const keys = texts.map((text) => readGlobalId(text));
    const found = new Map<string, TaggedNode>();
    for (const [type, members] of Map.groupBy(keys, (key) => key.type)) {
      if (!access.may(actor, nodeRule(type))) continue;
      const rows = await this.#read[type](members.map((member) => member.id));
      for (const row of rows)
        if (!isConfidential(row) || access.may(actor, 'HOLD'))
          found.set(`${type}:${row.id}`, { ...row, __typename: type });
    }
    return keys.map((key) => found.get(`${key.type}:${key.id}`) ?? null);
  }
}

/** A legal hold of which only those are told who place holds. */
const isConfidential = (row: object): boolean => 'confidential' in row && row.confidential === true;
