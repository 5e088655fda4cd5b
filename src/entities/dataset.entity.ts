import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { MappingRole } from '../domain/operations/target.ts';

/** A physical place, named as OpenLineage names it. */
export const DatasetSchema = defineEntity({
  name: 'Dataset',
  tableName: 'dataset',
  properties: {
    id: p.text().primary(),
    namespace: p.text(),
    name: p.text(),
    createdAt: p.datetime(),
  },
});
export type Dataset = InferEntity<typeof DatasetSchema>;

/** Says that a dataset holds records of an entity, and by which fields its accounts and subjects are found. */
export const MappingSchema = defineEntity({
  name: 'Mapping',
  tableName: 'mapping',
  properties: {
    id: p.text().primary(),
    entityId: p.text(),
    datasetId: p.text(),
    role: p.text().$type<MappingRole>(),
    accountField: p.text(),
    subjectFields: p.array(),
    protectOnProduce: p.boolean(),
    createdAt: p.datetime(),
  },
});
export type Mapping = InferEntity<typeof MappingSchema>;
