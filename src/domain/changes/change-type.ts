/** What the change feed tells of, and what that is. */
export const changeTypes = {
  ENTITY_DESCRIBED: 'Description, owners, tags or aliases of an entity were changed.',
  ENTITY_DEPRECATED: 'An entity or a version of it should be used no longer.',
  ENTITY_REINSTATED: 'An entity or a version of it may be used again.',
  ENTITY_VERSION_REGISTERED: 'A version of an entity was registered by its document.',
  SCHEMA_REGISTERED: 'A version of a subject of the schema registry was registered, and with it one of its entity.',
  SCHEMA_DELETED: 'A subject of the schema registry, a version or a context was deleted.',
  REGISTRY_SETTINGS_CHANGED: 'Configuration or mode of a subject or context was changed.',
  ASSOCIATION_CHANGED: 'Associations of subjects with places were made or removed.',
  MAPPING_CHANGED: 'A mapping was made, removed, or its gate changed.',
  DATASET_REGISTERED: 'A lake table is to be registered, or was added.',
  DATASETS_DISCOVERED: 'Topics of the cluster were found or went.',
  DATASET_DESCRIBED: 'Description, owners, tags, terms or domain of a dataset or of a field of it were changed.',
  GLOSSARY_CHANGED: 'A glossary term or a domain was defined or removed.',
  CATALOG_IMPORTED: 'A catalog was imported from a source, which `resourceName` names.',
  LABEL_CHANGED: 'A field was said to hold something else.',
  POLICY_CHANGED: 'A protection policy or an approval policy was set or deleted.',
  RETENTION_CHANGED: 'How long records of a place stay was changed, or what follows from it approved or applied.',
  SEMANTIC_TYPE_DEFINED: 'A version of a semantic type was defined.',
  STREAM_CHANGED: 'A stream was made, paused, resumed or replayed.',
  TRANSFORMER_CHANGED: 'A version of a transformer was made, or a transformer was retired.',
  TRANSFORM_RUN_CHANGED: 'A run of a transformer was asked for or cancelled.',
  ACCESS_ELEVATED: 'Somebody took a permission in an emergency, for a short time.',
  OPERATION_REQUESTED: 'An operation was requested.',
  OPERATION_AWAITS_APPROVAL: 'An operation is planned and waits for approval, or for another one.',
  OPERATION_APPROVED: 'An operation has all approvals that it needs.',
  OPERATION_ENDED: 'An operation ended, `status` says how; a dry run with its plan.',
  OPERATION_RETRIED: 'An operation that ended was taken up again.',
} as const;
export type ChangeType = keyof typeof changeTypes;

export const changeTypeNames = Object.keys(changeTypes) as readonly ChangeType[];
