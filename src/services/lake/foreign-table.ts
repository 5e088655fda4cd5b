import type { LakeStore } from './ports.ts';

type Marker = (name: string) => boolean;

const markers: readonly { readonly engine: string; readonly folder: string; readonly is: Marker }[] = [
  { engine: 'Delta Lake', folder: '', is: (name) => name === '_delta_log' },
  { engine: 'Apache Hudi', folder: '', is: (name) => name === '.hoodie' },
  { engine: 'Apache Iceberg', folder: '/metadata', is: (name) => name.endsWith('.metadata.json') },
];

/**
 * The table engine that owns a directory, or null for plain files. Its log lists the files by name and keeps old
 * versions of them, so a file must not be replaced behind its back. Folders above count: they may be the table.
 */
export async function foreignTableEngine(store: LakeStore, location: string): Promise<string | null> {
  const parts = location.split('/');
  for (let depth = parts.length; depth > 0; depth -= 1) {
    const folder = parts.slice(0, depth).join('/');
    for (const { engine, folder: inside, is } of markers) {
      if ((await store.names(`${folder}${inside}`)).some(is)) return engine;
    }
  }
  return null;
}

/** Why such a table is refused, and what to do instead. */
export function foreignTableReason(engine: string, location: string): string {
  return `${location} is a table of ${engine}: replacing its files would break its log and leave its old versions. Erase with ${engine}'s own DELETE and clean-up of old versions.`;
}
