import type { LakeStore } from './ports.ts';

type Marker = (name: string) => boolean;

/** Marks of table engines: a folder directly in the table, within which one may have to look. */
const markers: readonly { readonly engine: string; readonly folder: string; readonly is: Marker }[] = [
  { engine: 'Delta Lake', folder: '', is: (name) => name === '_delta_log' },
  { engine: 'Apache Hudi', folder: '', is: (name) => name === '.hoodie' },
  { engine: 'Apache Iceberg', folder: '/metadata', is: (name) => name.endsWith('.metadata.json') },
];

/** True for a folder that may mark the one around it as the table of an engine. */
export const mayMark = (name: string): boolean =>
  markers.some(({ folder, is }) => (folder === '' ? is(name) : folder === `/${name}`));

/**
 * The table engine that owns a directory, or null for plain files. Its log lists the files by name and keeps old
 * versions of them, so a file must not be replaced behind its back. Folders above count: they may be the table.
 */
export async function foreignTableEngine(store: LakeStore, location: string): Promise<string | null> {
  const parts = location.split('/');
  for (let depth = parts.length; depth > 0; depth -= 1) {
    const engine = await engineAt(store, parts.slice(0, depth).join('/'));
    if (engine !== null) return engine;
  }
  return null;
}

/** The table engine whose marks are in a folder itself. */
export async function engineAt(store: LakeStore, folder: string): Promise<string | null> {
  for (const { engine, folder: inside, is } of markers)
    if ((await store.names(`${folder}${inside}`)).some(is)) return engine;
  return null;
}

/** The folder that a path marks as the table of an engine; null for any other path. */
export function markedFolder(path: string): { readonly engine: string; readonly folder: string } | null {
  const [parent, name] = cut(path);
  for (const { engine, folder, is } of markers)
    if (is(name) && `/${parent}`.endsWith(folder))
      return { engine, folder: parent.slice(0, parent.length - folder.length) };
  return null;
}

function cut(path: string): readonly [string, string] {
  const slash = path.lastIndexOf('/');
  return [path.slice(0, slash), path.slice(slash + 1)];
}

/** Why such a table is refused, and what to do instead. */
export function foreignTableReason(engine: string, location: string): string {
  return `${location} is a table of ${engine}: replacing its files would break its log and leave its old versions. Erase with ${engine}'s own DELETE and clean-up of old versions.`;
}
