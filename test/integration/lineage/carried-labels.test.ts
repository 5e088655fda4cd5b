import { afterAll, beforeAll, expect, test } from 'vitest';
import { DatasetFieldReadModel } from '../../../src/services/lineage/dataset-field.read-model.ts';
import { FieldLabelService } from '../../../src/services/lineage/field-label.service.ts';
import { LabelReadModel } from '../../../src/services/lineage/label.read-model.ts';
import { LineageGraphs } from '../../../src/services/lineage/lineage-graphs.ts';
import { SemanticTypeReadModel } from '../../../src/services/privacy/semantic-type.read-model.ts';
import { tester } from '../../testkit/actor.ts';
import { type TestDatabase, testDatabase } from '../../testkit/database.ts';
import { forgetLineage, runOf, tableOf, take } from '../../testkit/lineage.ts';

let database: TestDatabase;
let labels: LabelReadModel;
let labelling: FieldLabelService;
beforeAll(async () => {
  database = await testDatabase();
  const { em } = database;
  const datasetFields = new DatasetFieldReadModel(database);
  const semanticTypes = new SemanticTypeReadModel(database);
  labels = new LabelReadModel({ em, graphs: new LineageGraphs(database), datasetFields, semanticTypes });
  labelling = new FieldLabelService({ em, datasetFields, semanticTypes });
});
afterAll(() => database?.close());

async function idOf(name: string): Promise<string> {
  const [row] = await database.em.fork().execute<{ id: string }[]>('select id from dataset where name = ?', [name]);
  return row?.id ?? '';
}
const label = async (name: string, path: string): Promise<unknown> =>
  labelling.labelField(tester, { datasetId: await idOf(name), path, classifications: ['PII'] });
/** Fields of a dataset that carry the label. */
const carrying = async (name: string): Promise<readonly string[]> =>
  [...(await labels.labelsOf(await idOf(name)))].flatMap(([path, found]) => (found.length > 0 ? [path] : [])).sort();

const fields = ['id', 'device', 'device.ip', 'device.os', 'device_count', 'tags[]', 'tags'];
/** `visit` is copied into `copy` as whole structs, of which `out` takes parts. */
async function seed(): Promise<void> {
  await forgetLineage(database.em);
  const columns = { device: ['visit.device'], device_count: ['visit.device_count'], tags: ['visit.tags'] };
  const out = tableOf({ name: 'out', fields: ['ip', 'os'], columns: {} });
  const part = (field: string) => ({ inputFields: [{ namespace: 'shop', name: 'copy', field }] });
  out.facets.columnLineage.fields = { ip: part('device.ip'), os: part('device.os') };
  await take(database.em, [
    ...runOf(1, 'copying', [tableOf({ name: 'visit', fields })], [tableOf({ name: 'copy', fields, columns })]),
    ...runOf(2, 'picking', [tableOf({ name: 'copy', fields })], [out]),
  ]);
}

test('a label of a part is in what the whole was copied to, and in all parts of the copy, of which nobody knows which it is', async () => {
  await seed();
  await label('visit', 'device.ip');
  expect(await carrying('visit')).toEqual(['device', 'device.ip']);
  expect(await carrying('copy')).toEqual(['device', 'device.ip', 'device.os']);
  expect(await carrying('out')).toEqual(['ip', 'os']);
});

test('a label of the whole is in its parts, and not in a field whose name only begins alike', async () => {
  await seed();
  await label('copy', 'device');
  expect(await carrying('visit')).toEqual([]);
  expect(await carrying('copy')).toEqual(['device', 'device.ip', 'device.os']);
  expect(await carrying('out')).toEqual(['ip', 'os']);
});

test('a label of one part is not in another one beside it', async () => {
  await seed();
  await label('copy', 'device.ip');
  expect(await carrying('copy')).toEqual(['device', 'device.ip']);
  expect(await carrying('out')).toEqual(['ip']);
});

test('elements of a list are parts of it', async () => {
  await seed();
  await label('visit', 'tags[]');
  expect(await carrying('copy')).toEqual(['tags', 'tags[]']);
});
