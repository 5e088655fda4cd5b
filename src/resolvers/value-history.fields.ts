import { Arg, Args, type ClassType, Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import type { HistoryType, PartValue } from '../domain/changes/value-change.ts';
import { DatasetFieldType } from '../schema/column-lineage.type.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import { EntityType, EntityVersionType } from '../schema/entity.type.ts';
import { Instant } from '../schema/scalars.ts';
import { PartValueType, ValueChangeConnection } from '../schema/value-history.type.ts';
import { DomainType, GlossaryTermType } from '../schema/vocabulary.type.ts';
import type { RequestContext } from './context.ts';

/** The fields by which a type tells its history. */
function historyOf(type: HistoryType, of: () => ClassType) {
  @Resolver(of)
  class ValueHistoryFields {
    @FieldResolver(() => ValueChangeConnection, {
      description: 'Who changed what people say of it, when, and what was there before.',
    })
    async valueChanges(
      @Root() { id }: { readonly id: string },
      @Args(() => ConnectionArgs) page: ConnectionArgs,
      @Ctx() { loaders }: RequestContext,
    ) {
      return new ValueChangeConnection(await loaders.valueChanges[type].load({ parentId: id, request: page }));
    }

    @FieldResolver(() => [PartValueType], { description: 'What people said of it at a moment; each part once.' })
    valuesAsOf(
      @Root() { id }: { readonly id: string },
      @Arg('asOf', () => Instant, { description: 'The moment.' }) asOf: Date,
      @Ctx() { loaders }: RequestContext,
    ): Promise<readonly PartValue[]> {
      return loaders.valuesAsOf.load({ type, id, asOf });
    }
  }
  return ValueHistoryFields;
}

export const valueHistoryFields = [
  historyOf('Entity', () => EntityType),
  historyOf('EntityVersion', () => EntityVersionType),
  historyOf('DatasetField', () => DatasetFieldType),
  historyOf('GlossaryTerm', () => GlossaryTermType),
  historyOf('Domain', () => DomainType),
] as const;
