/** Names that lake tools skip: hidden ones and ones with a leading underscore, unless it is a partition (`_year=2018`). */
export const isDataName = (name: string): boolean =>
  !name.startsWith('.') && (!name.startsWith('_') || name.includes('='));
