import { Field, ObjectType } from 'type-graphql';
import { type ReportName, type ReportPage, type ReportRow, reports } from '../domain/governance/report.ts';
import { describedEnum } from './described-enum.ts';
import { Json } from './scalars.ts';

const words = Object.fromEntries(
  Object.entries(reports).map(([name, about]) => [name.replaceAll('-', '_').toUpperCase(), about]),
);

export const ReportNameEnum = describedEnum('ReportName', 'Reports that auditors ask for.', words);

/** The report that a word of the enum stands for. */
export const reportNamed = (word: string): ReportName => word.replaceAll('_', '-').toLowerCase() as ReportName;

@ObjectType('Report', { description: 'Some rows of a report, in its order.' })
export class ReportType implements ReportPage {
  @Field(() => [String], { description: 'Its columns, in order.' })
  columns!: readonly string[];

  @Field(() => [Json], {
    description: 'Its rows, each an object of text, numbers, booleans and nulls by column; instants as text, UTC.',
  })
  rows!: readonly ReportRow[];

  @Field(() => Boolean, { description: 'Whether there are rows behind these.' })
  hasMore!: boolean;
}
