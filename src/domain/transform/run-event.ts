import type { LakeColumn } from '../lake/lake-column.ts';
import type { PlaceName } from '../lineage/event-value.ts';
import type { ColumnOrigin } from './source-columns.ts';

/** What a run of a transformer tells of itself, in the words of OpenLineage. */
export interface RunEvent {
  readonly eventType: 'START' | 'COMPLETE' | 'FAIL' | 'ABORT';
  readonly at: Date;
  readonly runId: string;
  readonly job: PlaceName;
  readonly inputs: readonly PlaceName[];
  readonly output: PlaceName;
  readonly columns: readonly LakeColumn[];
  readonly origins: readonly ColumnOrigin[];
  /** Fields by input whose values policies change on their way. */
  readonly masked: readonly ReadonlySet<string>[];
  /** Why it failed; null where it did not. */
  readonly reason: string | null;
}

const producer = 'urn:lineward';
const spec = 'https://openlineage.io/spec';
const facet = (name: string, version: string) => ({
  _producer: producer,
  _schemaURL: `${spec}/facets/${version}/${name}.json#/$defs/${name}`,
});

/** The text of the event, as the HTTP endpoint would take it from others. */
export function runEventText(event: RunEvent): string {
  const { eventType, at, runId, job, inputs, output, columns, reason } = event;
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
  const jobType = {
    ...facet('JobTypeJobFacet', '2-0-3'),
    processingType: 'BATCH',
    integration: 'LINEWARD',
    jobType: 'TRANSFORM',
  };
  const fields = columns.map(({ name, type }) => ({ name, type }));
  return JSON.stringify({
    eventType,
    eventTime: at.toISOString(),
    producer,
    schemaURL: `${spec}/2-0-2/OpenLineage.json#/$defs/RunEvent`,
    run: { runId, facets: failure },
    job: { ...job, facets: { jobType } },
    inputs: inputs.map((input) => ({ ...input, facets: {} })),
    outputs: [
      {
        ...output,
        facets: { schema: { ...facet('SchemaDatasetFacet', '1-1-1'), fields }, columnLineage: lineageOf(event) },
      },
    ],
  });
}

function lineageOf({ inputs, origins, masked }: RunEvent) {
  const into = origins.flatMap(({ column, from }): [string, object][] => {
    const inputFields = from.flatMap(({ input, field, isSame, isJoin }) => {
      const place = inputs[input];
      if (place === undefined) return [];
      if (isJoin)
        return [{ ...place, field, transformations: [{ type: 'INDIRECT', subtype: 'JOIN', masking: false }] }];
      const isMasked = masked[input]?.has(field) === true;
      const subtype = isSame && !isMasked ? 'IDENTITY' : 'TRANSFORMATION';
      return [{ ...place, field, transformations: [{ type: 'DIRECT', subtype, masking: isMasked }] }];
    });
    return inputFields.length === 0 ? [] : [[column, { inputFields }]];
  });
  return { ...facet('ColumnLineageDatasetFacet', '1-2-0'), fields: Object.fromEntries(into) };
}
