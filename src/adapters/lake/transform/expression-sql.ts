import { type Expression, type ExpressionFunction, typeOf } from '../../../domain/transform/expression.ts';
import { sqlText } from '../duckdb/sql-text.ts';

/** SQL of a checked expression: every name and value is quoted, and every function is one of ours. `fieldText` reads a field as text. */
export function expressionSql(expression: Expression, fieldText: (name: string) => string): string {
  const inner = (part: Expression): string => expressionSql(part, fieldText);
  switch (expression.kind) {
    case 'TEXT':
      return `CAST(${sqlText(expression.value)} AS VARCHAR)`;
    case 'NUMBER':
      return `CAST(${sqlText(String(expression.value))} AS DOUBLE)`;
    case 'BOOLEAN':
      return expression.value ? 'TRUE' : 'FALSE';
    case 'NULL':
      return 'NULL';
    case 'FIELD':
      return fieldText(expression.name);
    case 'UNARY':
      return expression.operator === '!' ? `(NOT ${inner(expression.of)})` : `(-${inner(expression.of)})`;
    case 'BINARY':
      return binarySql(expression, inner);
    case 'IF':
      return `CASE WHEN ${inner(expression.test)} THEN ${inner(expression.then)} ELSE ${inner(expression.otherwise)} END`;
    case 'CALL':
      return calls[expression.function](expression.values.map(inner));
  }
}

/** The value of an expression as text, as a field holds it. */
export function expressionText(expression: Expression, fieldText: (name: string) => string): string {
  const sql = expressionSql(expression, fieldText);
  const type = typeOf(expression);
  return type === 'NUMBER' ? numberText(sql) : `CAST(${sql} AS ${type === 'BOOLEAN' ? 'BOOLEAN' : 'VARCHAR'})::VARCHAR`;
}

/** Whole numbers without a point, as JSON has them; what is no number is none. */
const numberText = (sql: string): string =>
  `CASE WHEN NOT isfinite(${sql}) THEN NULL WHEN ${sql} = trunc(${sql}) AND abs(${sql}) < 1e15
     THEN CAST(CAST(${sql} AS BIGINT) AS VARCHAR) ELSE CAST(${sql} AS VARCHAR) END`;

const operators = { '&&': 'AND', '||': 'OR', '==': 'IS NOT DISTINCT FROM', '!=': 'IS DISTINCT FROM' } as const;

function binarySql(
  { operator, left, right }: Extract<Expression, { readonly kind: 'BINARY' }>,
  inner: (part: Expression) => string,
): string {
  const sql = Object.hasOwn(operators, operator) ? operators[operator as keyof typeof operators] : operator;
  return `(${inner(left)} ${sql} ${inner(right)})`;
}

const calls: Readonly<Record<ExpressionFunction, (values: readonly string[]) => string>> = {
  // As in other languages NULL is no text, and the rest is.
  concat: (values) => `concat(${values.join(', ')})`,
  upper: ([text]) => `upper(${text})`,
  lower: ([text]) => `lower(${text})`,
  trim: ([text]) => `trim(${text})`,
  substring: ([text, from, count]) =>
    count === undefined
      ? `substr(${text}, CAST(${from} AS BIGINT))`
      : `substr(${text}, CAST(${from} AS BIGINT), CAST(${count} AS BIGINT))`,
  replace: ([text, what, by]) => `replace(${text}, ${what}, ${by})`,
  length: ([text]) => `CAST(length(${text}) AS DOUBLE)`,
  contains: ([text, part]) => `contains(${text}, ${part})`,
  startsWith: ([text, part]) => `starts_with(${text}, ${part})`,
  endsWith: ([text, part]) => `suffix(${text}, ${part})`,
  number: ([text]) =>
    `CASE WHEN regexp_full_match(${text}, ${sqlText(numberPattern)}) THEN TRY_CAST(${text} AS DOUBLE) END`,
  text: ([number]) => numberText(number ?? 'NULL'),
  round: ([number, places = '0']) => `round(${number}, CAST(${places} AS INTEGER))`,
  floor: ([number]) => `floor(${number})`,
  abs: ([number]) => `abs(${number})`,
  coalesce: (values) => `coalesce(${values.join(', ')})`,
  isNull: ([value]) => `(${value} IS NULL)`,
};

/** A number as JSON writes it. */
export const numberPattern = '-?(0|[1-9]\\d*)(\\.\\d+)?([eE][+-]?\\d+)?';
