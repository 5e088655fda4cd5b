import { newId } from '../../src/domain/id.ts';
import { type Data, type JsonAnswer, register, type TestApp } from './app.ts';

/** Registers a document; answers the payload. */
export const registered = async (app: TestApp, document: unknown, aliases?: readonly string[]): Promise<Data> =>
  (await app.done(register, { input: { document, aliases } })).registerEntityVersion;

/** Registers a schema under a subject, as a Confluent client does. */
export async function registerSchema(
  app: TestApp,
  subject: string,
  body: Record<string, unknown>,
): Promise<JsonAnswer> {
  const response = await fetch(`${app.urls.registry}/subjects/${encodeURIComponent(subject)}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

/** Says that a dataset holds an entity; answers the dataset. */
export async function mapped(
  app: TestApp,
  entityId: string,
  place: { readonly name: string; readonly role: string; readonly accountField: string },
): Promise<Data> {
  const { name, role, accountField } = place;
  const { mapEntity } = await app.done(
    `mutation ($input: MapEntityInput!) { mapEntity(input: $input) { userErrors { code message } mapping { dataset { id name } } } }`,
    { input: { entityId, dataset: { namespace: 'kafka://test:9092', name }, role, accountField } },
  );
  return mapEntity.mapping.dataset;
}

/** A dataset that lineage makes of another; answers it. */
export async function derived(app: TestApp, sourceGlobalId: string, name: string): Promise<Data> {
  const em = app.em.fork();
  const [, source] = Buffer.from(sourceGlobalId, 'base64url').toString().split(':');
  const id = newId();
  await em.execute(`insert into dataset (id, namespace, name, created_at) values (?, 'warehouse', ?, now())`, [
    id,
    name,
  ]);
  await em.execute(
    `insert into lineage_edge (id, source_dataset_id, target_dataset_id, job, valid_from) values (?, ?, ?, 'copy', now())`,
    [newId(), source, id],
  );
  return { id: Buffer.from(`Dataset:${id}`).toString('base64url'), name };
}
