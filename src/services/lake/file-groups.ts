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
