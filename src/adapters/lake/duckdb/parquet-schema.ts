/** One row of DuckDB's `parquet_schema()`, in file order (a parent before its children). */
export interface SchemaElement {
  readonly name: string;
  readonly type: string | null;
  readonly repetition: string | null;
  readonly children: number;
  readonly convertedType: string | null;
  readonly logicalType: string | null;
  readonly fieldId: string | null;
  readonly duckdbType: string | null;
}

/** A schema element with its dotted path. */
export interface SchemaNode extends SchemaElement {
  readonly path: string;
  readonly depth: number;
}

/** Gives every element below the root its path, such as `phones.list.element`. */
export function schemaNodes(elements: readonly SchemaElement[]): readonly SchemaNode[] {
  const nodes: SchemaNode[] = [];
  const open: { readonly prefix: string; left: number }[] = [];
  for (const element of elements.slice(1)) {
    while (open.at(-1)?.left === 0) open.pop();
    const parent = open.at(-1);
    if (parent !== undefined) parent.left -= 1;
    const path = `${parent?.prefix ?? ''}${element.name}`;
    nodes.push({ ...element, path, depth: open.length });
    if (element.children > 0) open.push({ prefix: `${path}.`, left: element.children });
  }
  return nodes;
}

/** A property of a column that a rewrite would change. */
export interface SchemaDifference {
  readonly column: string;
  readonly what: string;
  readonly from: string;
  readonly to: string;
}

/**
 * Differences that readers of the table could notice. The many spellings of one meaning (`INT_32` or nothing on an
 * INT32, converted or logical type) are no difference, nor is the physical type that carries a decimal.
 */
export function schemaDifferences(before: readonly SchemaNode[], after: readonly SchemaNode[]): SchemaDifference[] {
  const differences: SchemaDifference[] = [];
  for (let index = 0; index < Math.max(before.length, after.length); index += 1) {
    const from = before[index];
    const to = after[index];
    if (from === undefined || to === undefined || from.path !== to.path) {
      differences.push({
        column: from?.path ?? '',
        what: 'column',
        from: from?.path ?? 'none',
        to: to?.path ?? 'none',
      });
      break;
    }
    const traitsAfter = new Map(Object.entries(traits(to)));
    for (const [what, value] of Object.entries(traits(from))) {
      const other = traitsAfter.get(what) ?? 'none';
      if (value !== other) differences.push({ column: from.path, what, from: value, to: other });
    }
  }
  return differences;
}

function traits(node: SchemaNode): Record<string, string> {
  const meaning = node.duckdbType ?? 'group';
  return {
    'physical type': /^DECIMAL/u.test(meaning) ? 'decimal' : (node.type ?? 'group'),
    'logical type': meaning,
    repetition: node.repetition ?? 'none',
    annotation: annotation(node),
    'field id': node.fieldId ?? 'none',
  };
}

/** The part of a column's annotation that DuckDB's own type does not tell. */
function annotation(node: SchemaNode): string {
  const { convertedType, logicalType } = node;
  const named = logicalType?.replace(/Type\(.*$/u, '').toUpperCase() ?? convertedType ?? 'none';
  if (/^TIME/u.test(named)) return timeUnit(node);
  if (/^(?:U?INT(?:_\d+|EGER)?|DATE|DECIMAL|JSON|UUID)$/u.test(named)) return 'none';
  return named === 'UTF8' ? 'STRING' : named;
}

function timeUnit({ convertedType, logicalType }: SchemaNode): string {
  const unit = /(?<unit>MILLIS|MICROS|NANOS)=(?!<null>)/u.exec(logicalType ?? '')?.groups?.unit;
  return unit ?? convertedType?.split('_').at(-1) ?? 'none';
}

/**
 * Paths of columns whose names differ from an earlier sibling's only by case. DuckDB sees one name and renames the
 * second, so a key could be read from the wrong column.
 */
export function caseCollisions(nodes: readonly SchemaNode[]): string[] {
  const seen = new Set<string>();
  return nodes.flatMap((node) => {
    const folded = node.path.toLowerCase();
    if (seen.has(folded)) return [node.path];
    seen.add(folded);
    return [];
  });
}
