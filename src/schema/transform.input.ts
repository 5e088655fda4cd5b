import { Field, ID, InputType } from 'type-graphql';
import type { TransformRunMode } from '../domain/transform/run-state.ts';
import { MutationInput } from './payload.type.ts';
import { TransformRunModeEnum } from './transform-run.type.ts';

@InputType('OrderedValuesInput', { description: 'An ordered list of values that a document names and does not give.' })
export class OrderedValuesInput {
  @Field(() => String, { description: 'Name that `compare` uses, e.g. `msgStatus`.' })
  name!: string;

  @Field(() => [String], { description: 'The values, the least first.' })
  values!: string[];
}

@InputType('CreateTransformerInput', { description: 'A version of a transformer.' })
export class CreateTransformerInput extends MutationInput {
  @Field(() => String, { description: 'The document, JSON. Its `name` says of which transformer it is.' })
  document!: string;

  @Field(() => [OrderedValuesInput], { nullable: true, description: 'Ordered lists beside it; kept with the version.' })
  orders?: OrderedValuesInput[];
}

@InputType('PreviewTransformerInput', { description: 'A document, and records to try it on.' })
export class PreviewTransformerInput extends CreateTransformerInput {
  @Field(() => [String], {
    nullable: true,
    description:
      'Up to 100 records of the first source, as JSON objects. Absent: some of the newest of each topic, as policies leave them.',
  })
  records?: string[];
}

@InputType('RunTransformerInput', { description: 'A run of the newest version.' })
export class RunTransformerInput extends MutationInput {
  @Field(() => ID, { description: 'Id of the transformer.' })
  id!: string;

  @Field(() => TransformRunModeEnum, { nullable: true, description: 'What it reads. INCREMENTAL when absent.' })
  mode?: TransformRunMode;

  @Field(() => String, { nullable: true, description: 'First UTC day of a BACKFILL, e.g. 2018-06-01.' })
  from?: string;

  @Field(() => String, { nullable: true, description: 'The first day behind the last one of a BACKFILL.' })
  to?: string;
}

@InputType('ScheduleTransformerInput', { description: 'When a transformer runs by itself.' })
export class ScheduleTransformerInput extends MutationInput {
  @Field(() => ID, { description: 'Id of the transformer.' })
  id!: string;

  @Field(() => String, {
    nullable: true,
    description: 'Minute, hour, day of the month, month, day of the week, e.g. `15 2 * * *`. Null or absent: never.',
  })
  cron?: string | null;

  @Field(() => String, { nullable: true, description: 'IANA name of the zone whose clocks count. UTC when absent.' })
  zone?: string;

  @Field(() => TransformRunModeEnum, { nullable: true, description: 'What runs read. INCREMENTAL when absent.' })
  mode?: TransformRunMode;

  @Field(() => Boolean, { nullable: true, description: 'True keeps the schedule, and lets nothing run by it.' })
  paused?: boolean;
}

@InputType('CancelTransformRunInput', { description: 'A run that is to end.' })
export class CancelTransformRunInput extends MutationInput {
  @Field(() => ID, { description: 'Id of the run.' })
  id!: string;
}

@InputType('RetireTransformerInput', { description: 'A transformer that is to make nothing any more.' })
export class RetireTransformerInput extends MutationInput {
  @Field(() => ID, { description: 'Id of the transformer.' })
  id!: string;
}
