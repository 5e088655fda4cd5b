import { Arg, Args, Mutation, Query, Resolver } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { localId } from '../domain/global-id.ts';
import type { RunDays } from '../domain/transform/run-state.ts';
import type { SpecIssue } from '../domain/transform/spec-issue.ts';
import { transformerJsonSchema } from '../domain/transform/transformer-spec.ts';
import type { Transformer } from '../entities/transformer.entity.ts';
import { LinewardError } from '../errors/lineward-error.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { Json } from '../schema/scalars.ts';
import {
  CancelTransformRunInput,
  CreateTransformerInput,
  OrderedValuesInput,
  PreviewTransformerInput,
  RetireTransformerInput,
  RunTransformerInput,
  ScheduleTransformerInput,
} from '../schema/transform.input.ts';
import {
  CancelTransformRunPayload,
  CreateTransformerPayload,
  PreviewTransformerPayload,
  RetireTransformerPayload,
  RunTransformerPayload,
  ScheduleTransformerPayload,
  TransformerConnection,
  TransformerType,
  TransformerValidationType,
} from '../schema/transform.type.ts';
import type { TransformRunService } from '../services/transform/transform-run.service.ts';
import type { TransformerReadModel } from '../services/transform/transformer.read-model.ts';
import type { TransformerService } from '../services/transform/transformer.service.ts';
import type { TransformerPreviewer } from '../services/transform/transformer-preview.ts';
import { Acting } from './acting.ts';
import { mutationPayload } from './mutation-payload.ts';

@Resolver()
export class TransformResolver {
  readonly #transformers: TransformerReadModel;
  readonly #service: TransformerService;
  readonly #runs: TransformRunService;
  readonly #previewer: TransformerPreviewer;

  constructor(deps: {
    readonly transformers: TransformerReadModel;
    readonly transformerService: TransformerService;
    readonly transformRuns: TransformRunService;
    readonly transformerPreviewer: TransformerPreviewer;
  }) {
    this.#transformers = deps.transformers;
    this.#service = deps.transformerService;
    this.#runs = deps.transformRuns;
    this.#previewer = deps.transformerPreviewer;
  }

  @Query(() => TransformerConnection, { description: 'Transformers, by name.' })
  async transformers(@Args(() => ConnectionArgs) page: ConnectionArgs) {
    return new TransformerConnection(await this.#transformers.transformers(page));
  }

  @Query(() => TransformerType, { nullable: true, description: 'The transformer of a name; null when there is none.' })
  transformer(@Arg('name', () => String, { description: 'Its name.' }) name: string): Promise<Transformer | null> {
    return this.#transformers.transformerNamed(name);
  }

  @Query(() => Json, { description: 'JSON Schema of the documents that describe transformers.' })
  transformerSchema(): object {
    return transformerJsonSchema();
  }

  @Query(() => TransformerValidationType, {
    description: 'Whether a document could become a version now, and all that is wrong with it.',
  })
  async validateTransformer(
    @Acting() actor: Actor,
    @Arg('document', () => String, { description: 'The document, JSON.' }) document: string,
    @Arg('orders', () => [OrderedValuesInput], { nullable: true, description: 'Ordered lists beside it.' })
    orders?: OrderedValuesInput[],
  ): Promise<TransformerValidationType> {
    return new TransformerValidationType(await this.#service.validate(actor, { document, orders: ordersOf(orders) }));
  }

  @Mutation(() => CreateTransformerPayload, {
    description: 'Makes a version of a transformer, with an empty table in the lake. It makes rows when it is run.',
  })
  async createTransformer(
    @Acting() actor: Actor,
    @Arg('input', () => CreateTransformerInput, { description: 'The version.' }) input: CreateTransformerInput,
  ) {
    const payload = await mutationPayload(input, async () => {
      const given = { document: input.document, orders: ordersOf(input.orders) };
      const { transformer, version } = await this.#service.create(actor, given);
      return { transformer, transformerVersion: version };
    });
    return { ...payload, issues: (payload.refusal?.issues as readonly SpecIssue[] | undefined) ?? [] };
  }

  @Mutation(() => PreviewTransformerPayload, {
    description:
      'Shows what a document makes of some records. Nothing is kept. What of them the actor may not see in clear is masked; it takes the right to read each source.',
  })
  previewTransformer(
    @Acting() actor: Actor,
    @Arg('input', () => PreviewTransformerInput, { description: 'The document and the records.' })
    input: PreviewTransformerInput,
  ) {
    return mutationPayload(input, async () => {
      const { document, orders, records = null } = input;
      const { before, rows, rejected } = await this.#previewer.preview(actor, {
        document,
        orders: ordersOf(orders),
        records,
      });
      return {
        preview: {
          before,
          after: rows,
          rejects: rejected.map(({ at, ...one }) => ({ ...one, source: 0, places: at })),
        },
      };
    });
  }

  @Mutation(() => RunTransformerPayload, {
    description: 'Asks for a run of the newest version. Ask for the run by `node` to see how far it is.',
  })
  runTransformer(
    @Acting() actor: Actor,
    @Arg('input', () => RunTransformerInput, { description: 'The run.' }) input: RunTransformerInput,
  ) {
    return mutationPayload(input, async () => ({
      run: await this.#runs.request(
        actor,
        localId('Transformer', input.id),
        input.mode ?? 'INCREMENTAL',
        daysOf(input),
      ),
    }));
  }

  @Mutation(() => CancelTransformRunPayload, {
    description: 'Ends a run at the next safe point; the table stays as it was.',
  })
  cancelTransformRun(
    @Acting() actor: Actor,
    @Arg('input', () => CancelTransformRunInput, { description: 'The run.' }) input: CancelTransformRunInput,
  ) {
    return mutationPayload(input, async () => ({
      run: await this.#runs.cancel(actor, localId('TransformRun', input.id)),
    }));
  }

  @Mutation(() => ScheduleTransformerPayload, {
    description:
      'Sets when a transformer runs by itself, in the place of what was set before. Times that are missed come as one run; only one is under way at a time.',
  })
  scheduleTransformer(
    @Acting() actor: Actor,
    @Arg('input', () => ScheduleTransformerInput, { description: 'The schedule.' }) input: ScheduleTransformerInput,
  ) {
    return mutationPayload(input, async () => {
      const { cron = null, zone = 'UTC', mode = 'INCREMENTAL', paused = false } = input;
      if (mode === 'BACKFILL')
        throw new LinewardError('BAD_INPUT', 'mode: a back-fill is over some days, and is not repeated', {
          path: ['mode'],
        });
      const schedule = cron === null ? null : { cron, zone, mode, paused };
      return { transformer: await this.#service.schedule(actor, localId('Transformer', input.id), schedule) };
    });
  }

  @Mutation(() => RetireTransformerPayload, {
    description: 'Ends the use of a transformer. Its tables stay, and operations act on them.',
  })
  retireTransformer(
    @Acting() actor: Actor,
    @Arg('input', () => RetireTransformerInput, { description: 'The transformer.' }) input: RetireTransformerInput,
  ) {
    return mutationPayload(input, async () => ({
      transformer: await this.#service.retire(actor, localId('Transformer', input.id)),
    }));
  }
}

/** A day that is missing is told of as one that is none. */
const daysOf = ({ from, to }: RunTransformerInput): RunDays | null =>
  from === undefined && to === undefined ? null : { from: from ?? '', to: to ?? '' };

const ordersOf = (orders: readonly OrderedValuesInput[] = []): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries(orders.map(({ name, values }) => [name, values]));
