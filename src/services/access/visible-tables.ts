/** What of a table is to be seen: a condition over its rows `t`, beside what is hidden. */
interface VisibleTable {
  /** Null for what rules speak of by name: each row is judged by itself. */
  readonly where: string | null;
  /** Which of the hidden things the condition asks. */
  readonly asks: readonly HiddenName[];
}
export type HiddenName =
  | 'hidden_dataset'
  | 'hidden_entity'
  | 'hidden_subject'
  | 'hidden_transformer'
  | 'hidden_job'
  | 'hidden_id';

const judgedByRow: VisibleTable = { where: null, asks: [] };
const noneHidden = (from: HiddenName, condition: string): string =>
  `not exists (select from ${from} h where ${condition})`;
const ofDatasets = (...columns: readonly string[]): VisibleTable => ({
  where: noneHidden('hidden_dataset', columns.map((column) => `h.id = t.${column}`).join(' or ')),
  asks: ['hidden_dataset'],
});
const ofEntities = (column: string): VisibleTable => ({
  where: noneHidden('hidden_entity', `h.id = t.${column}`),
  asks: ['hidden_entity'],
});
const ofBoth = (datasets: VisibleTable, entities: VisibleTable): VisibleTable => ({
  where: `${datasets.where} and ${entities.where}`,
  asks: ['hidden_dataset', 'hidden_entity'],
});
const ofFields = (...columns: readonly string[]): VisibleTable => ({
  where: columns
    .map(
      (column) =>
        `not exists (select from public.dataset_field f join hidden_dataset h on h.id = f.dataset_id where f.id = t.${column})`,
    )
    .join(' and '),
  asks: ['hidden_dataset'],
});
const ofSubjects = (name: string): VisibleTable => ({
  where: noneHidden('hidden_subject', `h.context = t.context and h.name = t.${name}`),
  asks: ['hidden_subject'],
});
const ofTransformers = (column: string): VisibleTable => ({
  where: noneHidden('hidden_transformer', `h.id = t.${column}`),
  asks: ['hidden_transformer'],
});

const ofJobs = (column: string): VisibleTable => ({
  where: noneHidden('hidden_job', `h.id = t.${column}`),
  asks: ['hidden_job'],
});

/** Every table that has something of a dataset, an entity or a subject in it, and that questions are asked of. */
export const visibleTables: Readonly<Record<string, VisibleTable>> = {
  dataset: judgedByRow,
  dataset_field: ofDatasets('dataset_id'),
  dataset_field_label: ofFields('field_id'),
  dataset_description: ofDatasets('dataset_id'),
  dataset_description_change: ofDatasets('dataset_id'),
  dataset_told: ofDatasets('dataset_id'),
  dataset_state: ofDatasets('dataset_id'),
  dataset_symlink: ofDatasets('dataset_id', 'other_id'),
  topic: ofDatasets('dataset_id'),
  topic_alias: ofDatasets('dataset_id'),
  topic_retention: ofDatasets('dataset_id'),
  lake_table: ofDatasets('dataset_id'),
  lake_retention: ofDatasets('dataset_id'),
  minimum_retention: ofDatasets('dataset_id'),
  operation: ofEntities('entity_id'),
  operation_target: ofDatasets('dataset_id'),
  lineage_job: ofJobs('id'),
  lineage_run: ofJobs('job_id'),
  lineage_run_io: ofDatasets('dataset_id'),
  lineage_job_io: ofDatasets('dataset_id'),
  lineage_edge: ofDatasets('source_dataset_id', 'target_dataset_id'),
  column_edge: ofFields('source_field_id', 'target_field_id'),
  lineage_event: {
    // An event names datasets and its job as texts of JSON.
    where: `${noneHidden('hidden_dataset', 'position(to_json(h.name)::text in t.body) > 0')}
      and ${noneHidden('hidden_job', 'position(to_json(h.name)::text in t.body) > 0')}`,
    asks: ['hidden_dataset', 'hidden_job'],
  },
  entity: judgedByRow,
  entity_alias: ofEntities('entity_id'),
  entity_version: ofEntities('entity_id'),
  entity_field: {
    where: `not exists (select from public.entity_version v join hidden_entity h on h.id = v.entity_id where v.id = t.version_id)`,
    asks: ['hidden_entity'],
  },
  mapping: ofBoth(ofDatasets('dataset_id'), ofEntities('entity_id')),
  stream: ofBoth(ofDatasets('source_dataset_id', 'target_dataset_id'), ofEntities('entity_id')),
  lake_registration: ofBoth(ofDatasets('dataset_id'), ofEntities('entity_id')),
  search_entry: {
    where: `${noneHidden('hidden_dataset', 'h.id = t.dataset_id')} and ${noneHidden('hidden_entity', 'h.id = t.id or h.id = t.entity_id')}
      and ${noneHidden('hidden_job', 'h.id = t.id')}`,
    asks: ['hidden_dataset', 'hidden_entity', 'hidden_job'],
  },
  registry_subject: ofSubjects('name'),
  subject_version: ofSubjects('subject'),
  association: ofSubjects('subject'),
  protection_policy: {
    where: `t.scope not in ('ENTITY', 'FIELD')
      or not exists (select from hidden_entity h where starts_with(t.scope_name, h.namespace || '.' || h.name))`,
    asks: ['hidden_entity'],
  },
  transformer: ofTransformers('id'),
  transformer_version: ofTransformers('transformer_id'),
  transform_run: ofTransformers('transformer_id'),
  change: {
    where: `not exists (select from public.audit_seal s join hidden_id h on h.id = s.record::jsonb->'resource'->>'id' where s.seq = t.seq)`,
    asks: ['hidden_id'],
  },
};

/** How the hidden things hang together; each may ask those before it. */
export const derivedHidden: Readonly<
  Record<Exclude<HiddenName, 'hidden_dataset' | 'hidden_entity' | 'hidden_subject'>, string>
> = {
  hidden_transformer: `select distinct v.transformer_id as id from public.transformer_version v join hidden_dataset h
    on h.id = v.dataset_id or position(to_json(h.name)::text in v.document) > 0`,
  // A job is often named by what it makes: it is not there where nothing of that is, nor where it makes nothing and reads nothing else.
  hidden_job: `select job.id, job.name from public.lineage_job job join public.lineage_job_io io on io.job_id = job.id
    left join hidden_dataset h on h.id = io.dataset_id
    where job.id in (select touching.job_id from public.lineage_job_io touching join hidden_dataset on id = touching.dataset_id)
    group by job.id
    having bool_and(h.id is not null) filter (where io.side = 'OUTPUT')
      or (count(*) filter (where io.side = 'OUTPUT') = 0 and bool_and(h.id is not null))`,
  hidden_id: `select id from hidden_dataset union all select id from hidden_entity union all select id from hidden_transformer
    union all select t.id from public.mapping t where not (${ofBoth(ofDatasets('dataset_id'), ofEntities('entity_id')).where})
    union all select t.id from public.stream t
      where not (${ofBoth(ofDatasets('source_dataset_id', 'target_dataset_id'), ofEntities('entity_id')).where})
    union all select t.id from public.entity_version t join hidden_entity h on h.id = t.entity_id
    union all select t.id from public.topic t join hidden_dataset h on h.id = t.dataset_id
    union all select t.id from public.topic_retention t join hidden_dataset h on h.id = t.dataset_id
    union all select t.id from public.lake_registration t join hidden_dataset h on h.id = t.dataset_id
    union all select t.id from public.transformer_version t join hidden_transformer h on h.id = t.transformer_id
    union all select t.id from public.transform_run t join hidden_transformer h on h.id = t.transformer_id
    union all select case context when '.' then name else ':' || context || ':' || name end from hidden_subject
    union all select case v.context when '.' then '' else ':' || v.context || ':' end || v.subject || '/' || v.version
      from public.subject_version v join hidden_subject h on h.context = v.context and h.name = v.subject`,
};

/** What each hidden thing asks of the others, itself last. */
export const hiddenOrder: readonly HiddenName[] = [
  'hidden_dataset',
  'hidden_entity',
  'hidden_subject',
  'hidden_transformer',
  'hidden_job',
  'hidden_id',
];
