import { Arg, Args, Ctx, FieldResolver, Mutation, Resolver, Root } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import { localId } from '../domain/global-id.ts';
import type { DescribedPlace, Description } from '../domain/lineage/description.ts';
import type { DatasetField } from '../domain/lineage/graph.ts';
import type { Word } from '../domain/lineage/vocabulary.ts';
import type { Dataset } from '../entities/dataset.entity.ts';
import { DatasetFieldType } from '../schema/column-lineage.type.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { DatasetType } from '../schema/dataset.type.ts';
import {
  DatasetPropertyType,
  DescribeDatasetInput,
  DescribeDatasetPayload,
  DescriptionChangeConnection,
  DescriptionType,
} from '../schema/dataset-description.type.ts';
import { Instant } from '../schema/scalars.ts';
import { DomainType, GlossaryTermType } from '../schema/vocabulary.type.ts';
import type { DatasetDescriptionService } from '../services/lineage/dataset-description.service.ts';
import { Acting } from './acting.ts';
import type { RequestContext } from './context.ts';
import { mutationPayload } from './mutation-payload.ts';

@Resolver()
export class DatasetDescriptionResolver {
  readonly #descriptions: DatasetDescriptionService;

  constructor(deps: { readonly datasetDescriptionService: DatasetDescriptionService }) {
    this.#descriptions = deps.datasetDescriptionService;
  }

  @Mutation(() => DescribeDatasetPayload, {
    description: 'Says what a dataset or a field of it is, who owns it, and how people sort it.',
  })
  describeDataset(
    @Acting() actor: Actor,
    @Arg('input', () => DescribeDatasetInput, { description: 'What is to be said.' }) input: DescribeDatasetInput,
    @Ctx() { loaders }: RequestContext,
  ) {
    return mutationPayload(input, async () => {
      const datasetId = localId('Dataset', input.datasetId, ['datasetId']);
      await this.#descriptions.describeDataset(actor, { ...input, datasetId });
      return { dataset: (await loaders.dataset.load(datasetId)) ?? undefined };
    });
  }
}

/** Those that are defined: an import may name others. */
async function termsOf(place: DescribedPlace, { loaders }: RequestContext): Promise<readonly Word[]> {
  const { terms } = await loaders.description.load(place);
  const words = await Promise.all(terms.map((name) => loaders.namedWord.load({ kind: 'TERM', name })));
  return words.filter((word) => word !== null);
}

const propertiesOf = ({ properties }: Description): DatasetPropertyType[] =>
  Object.entries(properties).map(([name, value]) => ({ name, value }));

async function asOfMoment(place: DescribedPlace, asOf: Date, { loaders }: RequestContext): Promise<DescriptionType> {
  const { terms, domain, ...said } = await loaders.description.load({ ...place, asOf });
  return { ...said, properties: propertiesOf({ ...said, terms, domain }), termNames: terms, domainName: domain };
}

const moment = { description: 'The moment, by when the catalog took what was said.' } as const;

const ofDataset = ({ id }: Dataset) => ({ datasetId: id, path: '' });

@Resolver(() => DatasetType)
export class DatasetDescriptionFields {
  @FieldResolver(() => String, {
    nullable: true,
    description: 'What people say it is, else what an event or an import said last; Markdown.',
  })
  async documentation(@Root() dataset: Dataset, @Ctx() { loaders }: RequestContext): Promise<string | null> {
    return (await loaders.description.load(ofDataset(dataset))).documentation;
  }

  @FieldResolver(() => [String], { description: 'Who answers for it, as documentation is told; at most 100.' })
  async owners(@Root() dataset: Dataset, @Ctx() { loaders }: RequestContext): Promise<readonly string[]> {
    return (await loaders.description.load(ofDataset(dataset))).owners;
  }

  @FieldResolver(() => [String], {
    description: 'Words that people sort it by, as documentation is told; at most 100.',
  })
  async tags(@Root() dataset: Dataset, @Ctx() { loaders }: RequestContext): Promise<readonly string[]> {
    return (await loaders.description.load(ofDataset(dataset))).tags;
  }

  @FieldResolver(() => [DatasetPropertyType], {
    description: 'Names with values, as documentation is told; at most 100.',
  })
  async properties(@Root() dataset: Dataset, @Ctx() { loaders }: RequestContext): Promise<DatasetPropertyType[]> {
    return propertiesOf(await loaders.description.load(ofDataset(dataset)));
  }

  @FieldResolver(() => [GlossaryTermType], {
    description: 'Its terms of the glossary, as documentation is told; at most 100.',
  })
  glossaryTerms(@Root() dataset: Dataset, @Ctx() context: RequestContext): Promise<readonly Word[]> {
    return termsOf(ofDataset(dataset), context);
  }

  @FieldResolver(() => DomainType, {
    nullable: true,
    description: 'The domain that it belongs to, as documentation is told.',
  })
  async domain(@Root() dataset: Dataset, @Ctx() { loaders }: RequestContext): Promise<Word | null> {
    const { domain } = await loaders.description.load(ofDataset(dataset));
    return domain === null ? null : loaders.namedWord.load({ kind: 'DOMAIN', name: domain });
  }

  @FieldResolver(() => DescriptionType, { description: 'What was said of it at a moment.' })
  descriptionAsOf(
    @Root() dataset: Dataset,
    @Arg('asOf', () => Instant, moment) asOf: Date,
    @Ctx() context: RequestContext,
  ): Promise<DescriptionType> {
    return asOfMoment(ofDataset(dataset), asOf, context);
  }

  @FieldResolver(() => DescriptionChangeConnection, {
    description: 'Who changed the description of it and its fields, when, and what was said before.',
  })
  async descriptionChanges(
    @Root() dataset: Dataset,
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Ctx() { loaders }: RequestContext,
  ) {
    const changes = await loaders.changesOfDescription.load({ parentId: dataset.id, request: page });
    return new DescriptionChangeConnection(changes);
  }
}

@Resolver(() => DatasetFieldType)
export class DatasetFieldDescriptionFields {
  @FieldResolver(() => String, { nullable: true, description: 'What it is, told as that of its dataset.' })
  async documentation(@Root() field: DatasetField, @Ctx() { loaders }: RequestContext): Promise<string | null> {
    return (await loaders.description.load(field)).documentation;
  }

  @FieldResolver(() => [GlossaryTermType], { description: 'Its terms of the glossary; at most 100.' })
  glossaryTerms(@Root() field: DatasetField, @Ctx() context: RequestContext): Promise<readonly Word[]> {
    return termsOf(field, context);
  }

  @FieldResolver(() => [String], { description: 'Words that people sort it by; at most 100.' })
  async tags(@Root() field: DatasetField, @Ctx() { loaders }: RequestContext): Promise<readonly string[]> {
    return (await loaders.description.load(field)).tags;
  }

  @FieldResolver(() => DescriptionType, { description: 'What was said of it at a moment.' })
  descriptionAsOf(
    @Root() field: DatasetField,
    @Arg('asOf', () => Instant, moment) asOf: Date,
    @Ctx() context: RequestContext,
  ): Promise<DescriptionType> {
    return asOfMoment({ datasetId: field.datasetId, path: field.path }, asOf, context);
  }
}
