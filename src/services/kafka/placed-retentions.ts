import type { EntityManager } from '@mikro-orm/postgresql';
import { systemActor } from '../../domain/access/actor.ts';
import type { UncoveredReason } from '../../domain/governance/retention-policy.ts';
import { compareKeeping } from '../../domain/kafka/topic-retention.ts';
import { DatasetSchema } from '../../entities/dataset.entity.ts';
import {
  type BeforePlacing,
  type TopicRetention,
  TopicRetentionSchema,
} from '../../entities/topic-retention.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { audit } from '../audit/audit.service.ts';
import { type EffectiveRetention, effectiveRetentions } from '../governance/retention-rules.ts';
import type { KafkaCluster } from './ports.ts';
import { lockRetention, lockRetentionOf, removeRetention, writeRetention } from './retention-writes.ts';

const setting = 'retention.ms';
/** A topic that a discovery does not find for a time keeps what was approved for it. */
const passing: readonly (UncoveredReason | null)[] = ['NO_TOPIC', 'SETTINGS_UNKNOWN'];

type Placing = EffectiveRetention & { readonly policy: NonNullable<EffectiveRetention['policy']> };
type Failed = (error: unknown) => void;

/** As long as rows of tables stay: their own UTC day and so many whole ones after it, whenever in its day a record came. */
const keptMs = ({ days }: EffectiveRetention): string => String((days + 1) * 86_400_000);

/**
 * Gives topics the retention that policies over many places ask for, where they have none of their own, and takes it away when no
 * policy does any more. From there on each is a retention like others, with its plan and its approval (ADR 0050).
 */
export class PlacedRetentions {
  readonly #em: EntityManager;
  readonly #cluster: Pick<KafkaCluster, 'settings' | 'changeSettings'>;

  constructor(deps: {
    readonly em: EntityManager;
    readonly kafka: { readonly cluster: Pick<KafkaCluster, 'settings' | 'changeSettings'> };
  }) {
    this.#em = deps.em;
    this.#cluster = deps.kafka.cluster;
  }

  /** A topic for which it fails is told to `failed`, and does not keep the others waiting. */
  async follow(signal: AbortSignal, failed: Failed): Promise<void> {
    await this.#em.fork().transactional(async (tx) => {
      // Who looked earlier must not undo what another has seen since.
      await tx.execute(`select pg_advisory_xact_lock(hashtext('lineward.placed_retention'))`);
      const rules = await effectiveRetentions(this.#em.fork(), null);
      const placed = await this.#em.fork().find(TopicRetentionSchema, { placedBy: { $ne: null } });
      const known = new Map(placed.map((retention) => [retention.datasetId, retention]));
      const isAborted = () => {
        if (signal.aborted) throw new LinewardError('CANCELLED');
      };
      const due = [...rules.values()].filter(isPlacing).filter((rule) => isOther(known.get(rule.datasetId), rule));
      const before = await this.#before(due.filter(({ datasetId }) => !known.has(datasetId)));
      for (const rule of due) {
        isAborted();
        await this.#place(rule, before).catch(failed);
      }
      for (const retention of placed) {
        const rule = rules.get(retention.datasetId);
        if (rule?.policy != null && rule.isTopic && rule.uncovered === null) continue;
        if (rule?.policy != null && passing.includes(rule.uncovered)) continue;
        isAborted();
        await this.#end(retention).catch(failed);
      }
    });
  }

  /** What topics go by now, by dataset; those that the broker does not tell of wait. */
  async #before(rules: readonly Placing[]): Promise<ReadonlyMap<string, BeforePlacing>> {
    if (rules.length === 0) return new Map();
    const ids = rules.map(({ datasetId }) => datasetId);
    const datasets = await this.#em.fork().find(DatasetSchema, { id: { $in: ids } });
    const told = await this.#cluster.settings(
      datasets.map(({ name }) => name),
      [setting],
    );
    return new Map(
      datasets.flatMap(({ id, name }): [string, BeforePlacing][] => {
        const settings = told.get(name) ?? [];
        const found = settings instanceof LinewardError ? undefined : settings.find((one) => one.name === setting);
        return found?.value == null ? [] : [[id, { value: found.value, isOwn: found.source === 'TOPIC' }]];
      }),
    );
  }

  async #place(rule: Placing, before: ReadonlyMap<string, BeforePlacing>): Promise<void> {
    const { datasetId, policy, setBy } = rule;
    await this.#em.fork().transactional(async (tx) => {
      await lockRetentionOf(tx, datasetId);
      const known = await tx.findOne(TopicRetentionSchema, { datasetId });
      const had = known?.beforePlacing ?? before.get(datasetId);
      // Somebody has set one for the topic meanwhile, which goes before.
      if (had === undefined || (known !== null && known.placedBy === null)) return;
      const placing = { by: policy.name, before: had };
      const values = { [setting]: keptMs(rule) };
      await writeRetention(tx, systemActor, { datasetId, known, policy: values, setBy, placing });
    });
  }

  /** The topic gets back what it had where that keeps longer, or its broker would go on by a policy that is none any more. */
  async #end({ id }: TopicRetention): Promise<void> {
    await this.#em.fork().transactional(async (tx) => {
      const retention = await lockRetention(tx, id);
      if (retention.placedBy === null || retention.beforePlacing === null) return;
      await this.#giveBack(retention, retention.beforePlacing);
      await removeRetention(tx, systemActor, retention);
    });
  }

  async #giveBack({ id, datasetId, policyVersion }: TopicRetention, before: BeforePlacing): Promise<void> {
    const em = this.#em.fork();
    const { name } = await em.findOneOrFail(DatasetSchema, { id: datasetId });
    const told = (await this.#cluster.settings([name], [setting])).get(name) ?? [];
    if (told instanceof LinewardError && told.code !== 'NOT_FOUND') throw told;
    const now = told instanceof LinewardError ? null : told.find((one) => one.name === setting)?.value;
    if (now == null || (compareKeeping(setting, before.value, now) ?? 0) <= 0) return;
    const to = before.isOwn ? before.value : null;
    // On record before, for a process may die between.
    await em.transactional(async (tx) =>
      audit(tx, systemActor, {
        action: 'changeTopicSettings',
        resourceType: 'TopicRetention',
        resourceId: id,
        details: { topic: name, policyVersion, changes: [{ setting, from: now, to }] },
      }),
    );
    await this.#cluster.changeSettings(name, { [setting]: to });
  }
}

const isPlacing = (rule: EffectiveRetention): rule is Placing =>
  rule.isTopic && rule.policy !== null && rule.uncovered === null;

const isOther = (known: TopicRetention | undefined, rule: Placing): boolean =>
  known?.placedBy !== rule.policy.name || known.policy[setting] !== keptMs(rule);
