import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

export const lakeRetentionActions = ['DELETE'] as const;
export type LakeRetentionAction = (typeof lakeRetentionActions)[number];

/** How long a lake table keeps its rows. */
export const LakeRetentionSchema = defineEntity({
  name: 'LakeRetention',
  tableName: 'lake_retention',
  properties: {
    tableId: p.text().primary(),
    datasetId: p.text(),
    dateField: p.text(),
    days: p.integer(),
    action: p.text().$type<LakeRetentionAction>(),
    /** Plans that look like the last ones need no person. */
    autoApprove: p.boolean(),
    setBy: p.text(),
    /** Of the rule as it is: what was approved before says nothing of it. */
    setAt: p.datetime(),
  },
});
export type LakeRetention = InferEntity<typeof LakeRetentionSchema>;
