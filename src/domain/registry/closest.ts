const longestCompared = 64;

/** Levenshtein distance by the two-row method. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const swap = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(swap, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

/** The one of `names` a misspelt word most likely meant, null when none is near. */
export function closestTo(word: string, names: readonly string[]): string | null {
  const typed = word.slice(0, longestCompared).toLowerCase();
  const ranked = names
    .map((name) => ({ name, edits: distance(typed, name.toLowerCase()) }))
    .sort((one, other) => one.edits - other.edits);
  const best = ranked[0];
  return best !== undefined && best.edits <= Math.max(2, typed.length / 3) ? best.name : null;
}
