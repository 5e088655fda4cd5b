import type { Parts } from './open-parts.ts';
import type { AccessGuard } from './services/access/access-guard.ts';
import { LakeReadService } from './services/lake-reads/lake-read.service.ts';
import { LakeRows } from './services/lake-reads/lake-rows.ts';
import { ReadFiles } from './services/lake-reads/read-files.ts';
import { LakePlaces } from './services/lake-reads/read-place.ts';
import type { LabelReadModel } from './services/lineage/label.read-model.ts';
import type { CryptoService } from './services/privacy/crypto.service.ts';
import type { RegistryReadModel } from './services/registry/registry.read-model.ts';

/** What lets others read lake tables, and decides what of them. */
export function buildLakeReads(
  { database: { em }, store, rowEngine: engine }: Pick<Parts, 'database' | 'store' | 'rowEngine'>,
  {
    registry,
    crypto,
    access,
    labels,
  }: {
    readonly registry: RegistryReadModel;
    readonly crypto: CryptoService;
    readonly access: AccessGuard;
    readonly labels: LabelReadModel;
  },
) {
  const files = new ReadFiles({ em, store });
  const places = new LakePlaces({ em, registry, labels });
  const lakeReads = new LakeReadService({ em, store, places, files, access });
  return { lakeReads, lakeRows: new LakeRows({ reads: lakeReads, files, store, engine, crypto }) };
}
