/** Bytes of files that are worked on at one time: as much as is staged on the disk beside one larger file. */
const bytesAtOnce = 64 * 1024 ** 2;

/** Files in their order, as many at one time as an action works on; those that are not small alone. */
export const groupsAtOnce = <File extends { readonly bytes: number }>(
  files: readonly File[],
  { filesAtOnce }: { readonly filesAtOnce: number },
): readonly (readonly File[])[] =>
  groupsOf(files, bytesAtOnce).flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / filesAtOnce) }, (_, index) =>
      group.slice(index * filesAtOnce, (index + 1) * filesAtOnce),
    ),
  );

/** Files in their order, as many at a time as have no more bytes to be read; a larger one alone. */
export function groupsOf<File extends { readonly bytes: number }>(
  files: readonly File[],
  bytesMax: number,
  bytesOf: (file: File) => number = ({ bytes }) => bytes,
): readonly (readonly File[])[] {
  const groups: File[][] = [];
  let room = 0;
  for (const file of files) {
    const group = groups.at(-1);
    room -= bytesOf(file);
    if (group !== undefined && room >= 0) group.push(file);
    else {
      groups.push([file]);
      room = bytesMax - bytesOf(file);
    }
  }
  return groups;
}
