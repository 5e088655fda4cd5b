import type { PlaceName } from './event-value.ts';
import { eventSchema, facet, producer, schemaFacet } from './own-event.ts';

/** What happened to a run of a stream, in the words of OpenLineage. */
export type RunEventType = 'START' | 'RUNNING' | 'COMPLETE' | 'ABORT' | 'FAIL';

/** A field of the records that a stream carries. */
export interface CarriedField {
  readonly path: string;
  readonly type: string;
  /** What becomes of its values: they go over as they are, or are redacted, encrypted or removed. */
  readonly becomes: 'SAME' | 'MASKED';
}

export interface StreamEvent {
  readonly eventType: RunEventType;
  readonly at: Date;
  readonly runId: string;
  readonly job: PlaceName;
  readonly source: PlaceName;
  readonly target: PlaceName;
  /** Null where nothing is said of them. */
  readonly fields: readonly CarriedField[] | null;
  /** Why it failed; null where it did not. */
  readonly reason: string | null;
}

/** The text of an event that a stream tells of itself, as the HTTP endpoint would take it from others. */
export function streamEventText(event: StreamEvent): string {
  const { eventType, at, runId, job, source, target, fields, reason } = event;
  const schema = fields === null ? {} : { schema: schemaFacet(fields) };
  const failure =
    reason === null
      ? {}
      : {
          errorMessage: {
            ...facet('ErrorMessageRunFacet', '1-0-1'),
            message: reason,
            programmingLanguage: 'TypeScript',
          },
        };
  const columns = fields === null ? {} : { columnLineage: columnsOf(source, fields) };
  const jobType = {
    ...facet('JobTypeJobFacet', '2-0-3'),
    processingType: 'STREAMING',
    integration: 'LINEWARD',
    jobType: 'STREAM',
  };
  return JSON.stringify({
    eventType,
    eventTime: at.toISOString(),
    producer,
    schemaURL: eventSchema('RunEvent'),
    run: { runId, facets: failure },
    job: { ...job, facets: { jobType } },
    inputs: [{ ...source, facets: schema }],
    outputs: [{ ...target, facets: { ...schema, ...columns } }],
  });
}

function columnsOf({ namespace, name }: PlaceName, fields: readonly CarriedField[]) {
  const into = fields.map((field): [string, object] => {
    const input = { namespace, name, field: field.path, transformations: transformationsOf(field, fields) };
    return [field.path, { inputFields: [input] }];
  });
  return { ...facet('ColumnLineageDatasetFacet', '1-2-0'), fields: Object.fromEntries(into) };
}

const identity = { type: 'DIRECT', subtype: 'IDENTITY', masking: false };
const masked = { type: 'DIRECT', subtype: 'TRANSFORMATION', masking: true };

/** A field with others inside is what these are: of some the value goes over, and of others it does not. */
function transformationsOf(field: CarriedField, fields: readonly CarriedField[]): readonly object[] {
  if (field.becomes === 'MASKED') return [masked];
  const inside = fields.filter(
    ({ path }) => path.startsWith(field.path) && '.[{'.includes(path[field.path.length] ?? ' '),
  );
  const hidden = inside.filter(({ becomes }) => becomes === 'MASKED').length;
  if (hidden === 0) return [identity];
  return hidden === inside.length ? [masked] : [identity, masked];
}
