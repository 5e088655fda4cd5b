/** Types whose text form is unique, so that comparing text compares values. Floats, blobs and nested types are not. */
const keyTypes = /^(?:VARCHAR|U?(?:TINYINT|SMALLINT|INTEGER|BIGINT)|UUID|DATE|BOOLEAN)$/u;

/** True for a type of a column, as DuckDB names it, by which records may be found. */
export const isKeyType = (type: string): boolean => keyTypes.test(type);
