import type { Pool } from 'pg';

/** Events of runs of 200 jobs, each with two inputs and an output of ten columns; no two rounds have a run in common. */
export function batchOf(round: number, events: number): readonly object[] {
  return Array.from({ length: events }, (_, index) => {
    const job = index % 200;
    const fields = Array.from({ length: 10 }, (__, field) => `field_${field}`);
    const inputs = [job + 1, job + 2].map((number) => ({ namespace: 'bench', name: `table_${number}` }));
    return {
      eventType: 'COMPLETE',
      eventTime: new Date(Date.UTC(2026, 0, 1) + round * 60_000 + index).toISOString(),
      run: { runId: `00000000-0000-4000-8000-${(round * events + index).toString(16).padStart(12, '0')}` },
      job: { namespace: 'bench', name: `job_${job}` },
      inputs,
      outputs: [
        {
          namespace: 'bench',
          name: `table_${job}`,
          facets: {
            schema: { fields: fields.map((name) => ({ name, type: 'VARCHAR' })) },
            columnLineage: {
              fields: Object.fromEntries(
                fields.map((field) => [field, { inputFields: inputs.map((input) => ({ ...input, field })) }]),
              ),
            },
          },
        },
      ],
    };
  });
}

/** Forgets all datasets and what is known of them. */
export async function emptyGraph(pool: Pool): Promise<void> {
  await pool.query('truncate dataset, lineage_event, lineage_job cascade');
}

/**
 * A layered graph: each dataset of a layer is made of `inputs` of the layer before, by a job of its own; each has one column, made
 * of theirs. Answers a dataset of the first layer and its column.
 */
export async function seedGraph(
  pool: Pool,
  shape: { readonly layers: number; readonly width: number; readonly inputs: number },
): Promise<{ readonly datasetId: string; readonly fieldId: string }> {
  const client = await pool.connect();
  try {
    // Millions of rows without a look-up for each reference; what follows the graph begins after it is there.
    await client.query('set session_replication_role = replica');
    for (const statement of seeds(shape)) await client.query(statement);
  } finally {
    client.release(true);
  }
  await pool.query('analyze');
  const [first] = (await pool.query<{ id: string }>(`select ${idOf('0')} as id`)).rows;
  return { datasetId: first?.id ?? '', fieldId: first?.id ?? '' };
}

const idOf = (number: string): string => `lpad(to_hex(${number}), 36, '0')`;

function seeds({
  layers,
  width,
  inputs,
}: {
  readonly layers: number;
  readonly width: number;
  readonly inputs: number;
}) {
  const size = (layers + 1) * width;
  // A step sideways that is no multiple of the width mixes the layers, and is the same in every run.
  const pairs = `(select ${idOf(`(n / ${width} - 1) * ${width} + (n % ${width} * 7 + k * 11) % ${width}`)} as source, ${idOf('n')} as target, n
    from generate_series(${width}, ${size - 1}) n, generate_series(1, ${inputs}) k) pair`;
  return [
    `insert into dataset (id, namespace, name, created_at)
      select ${idOf('n')}, 'bench', 'layered_' || n, now() from generate_series(0, ${size - 1}) n`,
    `insert into dataset_field (id, dataset_id, path) select id, id, 'x' from dataset where namespace = 'bench'`,
    `insert into lineage_job (id, namespace, name)
      select ${idOf('n')}, 'bench', 'job_' || n from generate_series(${width}, ${size - 1}) n`,
    `insert into lineage_edge (id, source_dataset_id, target_dataset_id, job_namespace, job, valid_from)
      select gen_random_uuid()::text, source, target, 'bench', 'job_' || n, now() from ${pairs}`,
    `insert into lineage_job_io (job_id, side, dataset_id, valid_from)
      select distinct target, 'INPUT', source, now() from ${pairs} union all select distinct target, 'OUTPUT', target, now() from ${pairs}`,
    `insert into column_edge (source_field_id, target_field_id, dataset_id, stated_by, kind, subtype, masking, valid_from)
      select source, target, target, target, 'DIRECT', '', false, now() from ${pairs}`,
  ];
}
