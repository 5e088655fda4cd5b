import { type HiddenStreams, schemaWith } from './hidden-streams.ts';
import { type HiddenThings, secretWord } from './hidden-things.ts';

/** What is asked at the address of a route. */
export interface Address {
  readonly path: string;
  readonly body?: unknown;
  readonly type?: string;
}

/** Addresses of a route, or why it shows nothing of datasets that could be hidden. */
export type RouteSurface = readonly Address[] | string;

const evidence = 'evidence stays whole for who may read it';
const given = 'what the caller sent';
const server = 'of the server itself';
const rules = 'settings of the whole registry';
const at = (...paths: readonly string[]): readonly Address[] => paths.map((path) => ({ path }));
const sending = (path: string, body: unknown, type = 'application/json'): readonly Address[] => [{ path, body, type }];

/** What is read at an address, by the routes as the permission table names them. */
export function readSurfaces(things: HiddenThings, hidden: HiddenStreams): Readonly<Record<string, RouteSurface>> {
  const { schemaId, topic, guid } = hidden;
  const form = `/subjects/${secretWord}-form`;
  return {
    'GET main /healthz': server,
    'GET main /readyz': server,
    'GET main /metrics': 'counts by kinds; names of topics and datasets are no labels',
    'GET main /graphql': 'the root fields',
    'POST main /graphql': 'the root fields',
    'OPTIONS main /graphql': server,
    'GET main /api/v1/registry/export': at('/api/v1/registry/export'),
    'POST main /api/v1/crypto::redact': given,
    'POST main /api/v1/crypto::seal': given,
    'POST main /api/v1/crypto::open': given,
    'GET main /api/v1/events/lineage': at('/api/v1/events/lineage'),
    'GET main /api/v1/audit/export': evidence,
    'GET main /api/v1/reports': evidence,
    'GET main /api/v1/reports/:name': evidence,
    'GET main /api/v1/evidence/:framework': evidence,
    'POST main /api/v1/lake/reads': [...sending('/api/v1/lake/reads', { table: hidden.tableName, purpose: 'test' })],
    'GET main /api/v1/lake/reads/:id/rows': at(`/api/v1/lake/reads/${hidden.readId}/rows`),
    'GET main /api/v1/namespaces': at('/api/v1/namespaces'),
    'GET main /api/v1/namespaces/:namespace': at(`/api/v1/namespaces/${secretWord}_room`),
    'GET main /api/v1/namespaces/:namespace/datasets': at(
      '/api/v1/namespaces/shop/datasets',
      `/api/v1/namespaces/${secretWord}_room/datasets`,
    ),
    'GET main /api/v1/namespaces/:namespace/datasets/:name': at(`/api/v1/namespaces/shop/datasets/${secretWord}_raw`),
    'GET main /api/v1/namespaces/:namespace/datasets/:name/versions': at(
      `/api/v1/namespaces/shop/datasets/${secretWord}_raw/versions`,
    ),
    'GET main /api/v1/namespaces/:namespace/datasets/:name/versions/:version': at(
      `/api/v1/namespaces/shop/datasets/${secretWord}_raw/versions/${localPart(things.datasetId)}`,
    ),
    'GET main /api/v1/jobs': at('/api/v1/jobs'),
    'GET main /api/v1/namespaces/:namespace/jobs': at('/api/v1/namespaces/shop/jobs'),
    'GET main /api/v1/namespaces/:namespace/jobs/:name': at(`/api/v1/namespaces/shop/jobs/${secretWord}_load`),
    'GET main /api/v1/namespaces/:namespace/jobs/:name/runs': at(
      `/api/v1/namespaces/shop/jobs/${secretWord}_load/runs`,
    ),
    'GET main /api/v1/jobs/runs/:id': at(`/api/v1/jobs/runs/${hidden.runId}`),
    'GET main /api/v1/search': at(`/api/v1/search?q=${secretWord}`),
    'GET main /api/v1/tags': at('/api/v1/tags'),
    'GET main /api/v1/lineage': at(
      `/api/v1/lineage?nodeId=job:shop:${secretWord}_load`,
      `/api/v1/lineage?nodeId=dataset:shop:${secretWord}_raw`,
      '/api/v1/lineage?nodeId=dataset:shop:source&depth=20',
      '/api/v1/lineage?nodeId=job:shop:second&depth=20',
    ),
    'GET main /api/v1/column-lineage': at(
      '/api/v1/column-lineage?nodeId=dataset:shop:report&depth=20&withDownstream=true',
    ),
    'GET registry /': server,
    'POST registry /': server,
    'GET registry /openapi.json': server,
    'GET registry /v1/metadata/id': server,
    'GET registry /v1/metadata/version': server,
    'GET registry /v1/metadata/deployment': server,
    'GET registry /schemas/types': server,
    'GET registry /config': rules,
    'GET registry /mode': rules,
    'GET registry /contexts': at('/contexts'),
    'GET registry /subjects': at('/subjects', '/subjects?deleted=true', '/subjects?subjectPrefix=:*:'),
    'POST registry /subjects/:subject': sending(form, { schema: schemaWith(`${secretWord}_field`) }),
    'GET registry /subjects/:subject/versions': at(`${form}/versions`),
    'GET registry /subjects/:subject/versions/:version': at(`${form}/versions/latest`, `${form}/versions/1`),
    'GET registry /subjects/:subject/versions/:version/schema': at(`${form}/versions/1/schema`),
    'GET registry /subjects/:subject/versions/:version/referencedby': at(`${form}/versions/1/referencedby`),
    'GET registry /subjects/:subject/metadata': at(`${form}/metadata?key=kept&value=${secretWord}`),
    'GET registry /schemas': at('/schemas'),
    'GET registry /schemas/ids/:id': at(`/schemas/ids/${schemaId}`, `/schemas/ids/${things.schemaId}`),
    'GET registry /schemas/ids/:id/schema': at(`/schemas/ids/${schemaId}/schema`),
    'GET registry /schemas/ids/:id/subjects': at(`/schemas/ids/${schemaId}/subjects`),
    'GET registry /schemas/ids/:id/versions': at(`/schemas/ids/${schemaId}/versions`),
    'GET registry /schemas/guids/:guid': at(`/schemas/guids/${guid}`),
    'GET registry /schemas/guids/:guid/ids': at(`/schemas/guids/${guid}/ids`),
    'POST registry /compatibility/subjects/:subject/versions': sending(`/compatibility${form}/versions?verbose=true`, {
      schema: schemaWith(`${secretWord}_field`, 'int'),
    }),
    'POST registry /compatibility/subjects/:subject/versions/:version': sending(
      `/compatibility${form}/versions/latest?verbose=true`,
      { schema: schemaWith(`${secretWord}_field`, 'int') },
    ),
    'GET registry /config/:subject': at(`/config/${secretWord}-form?defaultToGlobal=true`),
    'GET registry /mode/:subject': at(`/mode/${secretWord}-form?defaultToGlobal=true`),
    'GET registry /associations/subjects/:subject': at(`/associations${form}`),
    'GET registry /associations/resources/:resource': at(`/associations/resources/${secretWord}:id`),
    'GET registry /associations/resources/:namespace/:name': at(
      `/associations/resources/${secretWord}/${secretWord}_resource`,
    ),
    'POST registry /associations::batchGet': sending('/associations:batchGet', {
      requests: [{ resourceId: `${secretWord}:id` }, { subject: `${secretWord}-form` }],
    }),
    'GET registry /v1/entities': at('/v1/entities'),
    'GET registry /v1/entities/:entity': at(`/v1/entities/Demo.${secretWord}_slip`),
    'GET registry /v1/entities/:entity/versions/:version': at(`/v1/entities/reg.${secretWord}_slip/versions/1`),
    'GET registry /v1/entities/:entity/mappings': at(`/v1/entities/Demo.${secretWord}_slip/mappings`),
    'GET produce /': server,
    'GET produce /brokers': server,
    'GET produce /v3/clusters': server,
    'GET produce /v3/clusters/:cluster': server,
    'GET produce /v3/clusters/:cluster/brokers': server,
    'GET produce /topics': at('/topics'),
    'GET produce /topics/:topic': at(`/topics/${topic}`),
    'GET produce /topics/:topic/partitions': at(`/topics/${topic}/partitions`),
    'GET produce /topics/:topic/partitions/:partition': at(`/topics/${topic}/partitions/0`),
    'GET produce /topics/:topic/partitions/:partition/offsets': at(`/topics/${topic}/partitions/0/offsets`),
    'GET produce /v3/clusters/:cluster/topics': at('/v3/clusters/{cluster}/topics'),
    'GET produce /v3/clusters/:cluster/topics/:topic': at(`/v3/clusters/{cluster}/topics/${topic}`),
    'GET produce /v3/clusters/:cluster/topics/:topic/configs': at(`/v3/clusters/{cluster}/topics/${topic}/configs`),
    'GET produce /v3/clusters/:cluster/topics/:topic/partitions': at(
      `/v3/clusters/{cluster}/topics/${topic}/partitions`,
    ),
    'GET produce /v3/clusters/:cluster/topics/:topic/partitions/:partition': at(
      `/v3/clusters/{cluster}/topics/${topic}/partitions/0`,
    ),
  };
}

/** What changes something: what is hidden cannot be named there. */
export function changeSurfaces(_things: HiddenThings, hidden: HiddenStreams): Readonly<Record<string, RouteSurface>> {
  const form = `/subjects/${secretWord}-form`;
  const { topic } = hidden;
  const record = { account: 'AC1', day: '2026-01-01', [`${secretWord}_mail`]: 'ann@a.example' };
  const mapping = {
    dataset: { namespace: 'shop', name: `${secretWord}_raw` },
    ...{ role: 'WAREHOUSE_TABLE', accountField: 'account' },
  };
  const resource = { resourceId: `${secretWord}:id`, resourceName: `${secretWord}_resource` };
  const association = {
    ...{ ...resource, resourceNamespace: secretWord },
    associations: [{ subject: `${secretWord}-form`, associationType: 'value', lifecycle: 'WEAK' }],
  };
  const proxied = 'application/vnd.kafka.json.v2+json';
  return {
    'POST main /api/v1/entities/:entity/records': sending(`/api/v1/entities/Demo.${secretWord}_day/records`, {
      records: [record],
    }),
    'POST main /api/v1/registry/import': 'a whole registry, into one that is empty; the answer counts',
    'POST main /api/v1/catalog/import': 'an import is told what it added, changed and dropped of its own source',
    'POST main /api/v1/lineage': 'takes events, and answers nothing',
    'POST main /api/v1/lineage/batch': 'takes events, and answers nothing',
    'POST main /api/v1/lineage/bulk': 'takes events, and answers counts',
    'POST main /api/v1/erasures': 'by persons, wherever they are; the answer counts',
    'DELETE registry /contexts/:context': 'one that is not empty stays and says so, and names nothing of what is in it',
    'DELETE registry /subjects/:subject': at(form),
    'POST registry /subjects/:subject/versions': sending(`${form}/versions`, { schema: '"string"' }),
    'DELETE registry /subjects/:subject/versions/:version': at(`${form}/versions/1`),
    'POST registry /subjects/:subject/versions/:version/tags': sending(`${form}/versions/1/tags`, { newVersion: 2 }),
    'PUT registry /config': rules,
    'DELETE registry /config': rules,
    'PUT registry /mode': rules,
    'DELETE registry /mode': rules,
    'PUT registry /config/:subject': sending(`/config/${secretWord}-form`, { compatibility: 'NONE' }),
    'DELETE registry /config/:subject': at(`/config/${secretWord}-form`),
    'PUT registry /mode/:subject': sending(`/mode/${secretWord}-form`, { mode: 'READONLY' }),
    'DELETE registry /mode/:subject': at(`/mode/${secretWord}-form`),
    'POST registry /associations': [
      ...sending('/associations', association),
      ...sending('/associations', { ...association, resourceId: 'own' }),
      ...sending('/associations', {
        ...association,
        associations: [{ subject: 'parcel-value', associationType: 'value' }],
      }),
    ],
    'PUT registry /associations/resources/:resource': sending(`/associations/resources/${secretWord}:id`, association),
    'DELETE registry /associations/resources/:resource': at(`/associations/resources/${secretWord}:id`),
    'POST registry /associations::batchMutate': sending('/associations:batchMutate', { requests: [association] }),
    'POST registry /v1/entities': sending('/v1/entities', {
      document: {
        ...{ version: '2.0', created_by: 'tester', namespace: 'Team' },
        schema: {
          name: `${secretWord}_slip`,
          namespace: 'Demo',
          type: 'record',
          fields: [{ name: 'id', type: 'string' }],
        },
      },
    }),
    'PUT registry /v1/entities/:entity/mappings': [
      ...sending(`/v1/entities/Demo.${secretWord}_slip/mappings`, mapping),
      ...sending('/v1/entities/Demo.parcel/mappings', { ...mapping, accountField: 'id' }),
    ],
    'DELETE registry /v1/entities/:entity/mappings': at(
      `/v1/entities/Demo.${secretWord}_slip/mappings?namespace=shop&name=${secretWord}_raw`,
    ),
    'POST produce /topics/:topic': sending(`/topics/${topic}`, { records: [{ value: record }] }, proxied),
    'POST produce /topics/:topic/partitions/:partition': sending(
      `/topics/${topic}/partitions/0`,
      { records: [{ value: record }] },
      proxied,
    ),
    'POST produce /v3/clusters/:cluster/topics/:topic/records': sending(
      `/v3/clusters/{cluster}/topics/${topic}/records`,
      {
        value: { type: 'JSON', data: record },
      },
    ),
  };
}

const localPart = (id: string): string => Buffer.from(id, 'base64url').toString().split(':')[1] ?? '';
