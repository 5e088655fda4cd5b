import jsep from 'jsep';

/** What an expression answers. Values of fields are text; `number()` reads one of it. */
export type ExpressionType = 'TEXT' | 'NUMBER' | 'BOOLEAN' | 'NULL';

/** A checked expression. Only these forms are ever put into a statement. */
export type Expression =
  | { readonly kind: 'TEXT'; readonly value: string }
  | { readonly kind: 'NUMBER'; readonly value: number }
  | { readonly kind: 'BOOLEAN'; readonly value: boolean }
  | { readonly kind: 'NULL' }
  | { readonly kind: 'FIELD'; readonly name: string }
  | { readonly kind: 'CALL'; readonly function: ExpressionFunction; readonly values: readonly Expression[] }
  | { readonly kind: 'UNARY'; readonly operator: '!' | '-'; readonly of: Expression }
  | {
      readonly kind: 'BINARY';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: 'IF'; readonly test: Expression; readonly then: Expression; readonly otherwise: Expression };

const comparisons = ['==', '!=', '<', '<=', '>', '>='] as const;
const calculations = ['+', '-', '*', '/', '%'] as const;
const logicals = ['&&', '||'] as const;
export type BinaryOperator = (typeof comparisons)[number] | (typeof calculations)[number] | (typeof logicals)[number];

interface Signature {
  readonly takes: readonly ExpressionType[];
  /** The last type may come as often as one likes. */
  readonly many?: boolean;
  readonly least?: number;
  readonly gives: ExpressionType | 'SAME';
}

const signatures = {
  concat: { takes: ['TEXT'], many: true, gives: 'TEXT' },
  upper: { takes: ['TEXT'], gives: 'TEXT' },
  lower: { takes: ['TEXT'], gives: 'TEXT' },
  trim: { takes: ['TEXT'], gives: 'TEXT' },
  substring: { takes: ['TEXT', 'NUMBER', 'NUMBER'], least: 2, gives: 'TEXT' },
  replace: { takes: ['TEXT', 'TEXT', 'TEXT'], gives: 'TEXT' },
  length: { takes: ['TEXT'], gives: 'NUMBER' },
  contains: { takes: ['TEXT', 'TEXT'], gives: 'BOOLEAN' },
  startsWith: { takes: ['TEXT', 'TEXT'], gives: 'BOOLEAN' },
  endsWith: { takes: ['TEXT', 'TEXT'], gives: 'BOOLEAN' },
  number: { takes: ['TEXT'], gives: 'NUMBER' },
  text: { takes: ['NUMBER'], gives: 'TEXT' },
  round: { takes: ['NUMBER', 'NUMBER'], least: 1, gives: 'NUMBER' },
  floor: { takes: ['NUMBER'], gives: 'NUMBER' },
  abs: { takes: ['NUMBER'], gives: 'NUMBER' },
  coalesce: { takes: ['TEXT'], many: true, gives: 'SAME' },
  isNull: { takes: ['TEXT'], gives: 'BOOLEAN' },
} as const satisfies Record<string, Signature>;
export type ExpressionFunction = keyof typeof signatures;

/** A checked expression, or what is wrong with it. */
export type ReadExpression =
  | {
      readonly ok: true;
      readonly expression: Expression;
      readonly type: ExpressionType;
      readonly fields: ReadonlySet<string>;
    }
  | { readonly ok: false; readonly message: string };

/** Deepest nesting. */
const depthMax = 50;

/** Reads an expression over fields of these names; a field whose name is no word is written `$["odd name"]`. */
export function readExpression(text: string, fields: ReadonlySet<string>): ReadExpression {
  const used = new Set<string>();
  try {
    const expression = new Reader(fields, used).read(jsep(text), 0);
    return { ok: true, expression, type: typeOf(expression), fields: used };
  } catch (error) {
    // The parser's own words may quote the expression, which is the caller's.
    return { ok: false, message: error instanceof Fault ? error.message : 'It is no expression of this language.' };
  }
}

class Fault extends TypeError {}

class Reader {
  readonly #fields: ReadonlySet<string>;
  readonly #used: Set<string>;

  constructor(fields: ReadonlySet<string>, used: Set<string>) {
    this.#fields = fields;
    this.#used = used;
  }

  read(node: jsep.Expression, depth: number): Expression {
    if (depth > depthMax) throw new Fault(`It is nested deeper than ${depthMax}.`);
    const inner = (part: unknown): Expression => this.read(part as jsep.Expression, depth + 1);
    switch (node.type) {
      case 'Literal':
        return literalOf(node.value);
      case 'Identifier':
        return this.#field(String(node.name));
      case 'MemberExpression':
        return this.#field(oddName(node as jsep.MemberExpression));
      case 'UnaryExpression':
        return unary(String(node.operator), inner(node.argument));
      case 'BinaryExpression':
        return binary(String(node.operator), inner(node.left), inner(node.right));
      case 'ConditionalExpression':
        return conditional(inner(node.test), inner(node.consequent), inner(node.alternate));
      case 'CallExpression':
        return call(node as jsep.CallExpression, inner);
      default:
        throw new Fault('It is not one expression of names, values, operators, calls and ? :.');
    }
  }

  #field(name: string): Expression {
    if (name === 'null') return { kind: 'NULL' };
    if (!this.#fields.has(name)) throw new Fault(`There is no field ${name.slice(0, 100)}.`);
    this.#used.add(name);
    return { kind: 'FIELD', name };
  }
}

function literalOf(value: unknown): Expression {
  if (typeof value === 'string') return { kind: 'TEXT', value };
  if (typeof value === 'number' && Number.isFinite(value)) return { kind: 'NUMBER', value };
  if (typeof value === 'boolean') return { kind: 'BOOLEAN', value };
  if (value === null) return { kind: 'NULL' };
  throw new Fault('It has a value that is neither text, number, true, false nor null.');
}

function oddName({ computed, object, property }: jsep.MemberExpression): string {
  if (computed && object.type === 'Identifier' && object.name === '$' && typeof property.value === 'string')
    return property.value;
  throw new Fault('A field is a name, or $["a name that is no word"].');
}

function unary(operator: string, of: Expression): Expression {
  if (operator === '!') return { kind: 'UNARY', operator, of: needs(of, 'BOOLEAN', '!') };
  if (operator === '-') return { kind: 'UNARY', operator, of: needs(of, 'NUMBER', '-') };
  throw new Fault(`There is no operator ${operator}.`);
}

function binary(operator: string, left: Expression, right: Expression): Expression {
  const known = [...comparisons, ...calculations, ...logicals].find((one) => one === operator);
  if (known === undefined) throw new Fault(`There is no operator ${operator}.`);
  if ((logicals as readonly string[]).includes(known))
    return {
      kind: 'BINARY',
      operator: known,
      left: needs(left, 'BOOLEAN', known),
      right: needs(right, 'BOOLEAN', known),
    };
  if ((calculations as readonly string[]).includes(known))
    return {
      kind: 'BINARY',
      operator: known,
      left: needs(left, 'NUMBER', known),
      right: needs(right, 'NUMBER', known),
    };
  const [one, other] = [typeOf(left), typeOf(right)];
  if (one !== other && one !== 'NULL' && other !== 'NULL')
    throw new Fault(`${known} compares ${one} with ${other}; number() and text() make them alike.`);
  return { kind: 'BINARY', operator: known, left, right };
}

function conditional(test: Expression, then: Expression, otherwise: Expression): Expression {
  alike([then, otherwise], '? :');
  return { kind: 'IF', test: needs(test, 'BOOLEAN', '? :'), then, otherwise };
}

function call(node: jsep.CallExpression, inner: (part: unknown) => Expression): Expression {
  const name = node.callee.type === 'Identifier' ? String(node.callee.name) : '';
  if (!Object.hasOwn(signatures, name))
    throw new Fault(`There is no function ${name.slice(0, 100)}; known are ${Object.keys(signatures).join(', ')}.`);
  const known = name as ExpressionFunction;
  const signature: Signature = signatures[known];
  const values = node.arguments.map(inner);
  const least = signature.least ?? (signature.many === true ? 1 : signature.takes.length);
  if (values.length < least || (signature.many !== true && values.length > signature.takes.length))
    throw new Fault(`${name} does not take ${values.length} value(s).`);
  if (signature.gives === 'SAME') alike(values, name);
  else if (known !== 'isNull')
    for (const [index, value] of values.entries())
      needs(value, signature.takes[index] ?? signature.takes.at(-1) ?? 'TEXT', name);
  return { kind: 'CALL', function: known, values };
}

function needs(value: Expression, type: ExpressionType, by: string): Expression {
  const given = typeOf(value);
  if (given === type || given === 'NULL') return value;
  throw new Fault(`${by} needs a ${type} and gets a ${given}; number() and text() make one of the other.`);
}

function alike(values: readonly Expression[], by: string): void {
  const types = new Set(values.map(typeOf).filter((type) => type !== 'NULL'));
  if (types.size > 1) throw new Fault(`${by} gets values of different types: ${[...types].join(', ')}.`);
}

export function typeOf(expression: Expression): ExpressionType {
  switch (expression.kind) {
    case 'FIELD':
      return 'TEXT';
    case 'UNARY':
      return expression.operator === '!' ? 'BOOLEAN' : 'NUMBER';
    case 'BINARY':
      return (calculations as readonly string[]).includes(expression.operator) ? 'NUMBER' : 'BOOLEAN';
    case 'IF':
      return firstType([expression.then, expression.otherwise]);
    case 'CALL': {
      const { gives } = signatures[expression.function];
      return gives === 'SAME' ? firstType(expression.values) : gives;
    }
    default:
      return expression.kind;
  }
}

const firstType = (values: readonly Expression[]): ExpressionType =>
  values.map(typeOf).find((type) => type !== 'NULL') ?? 'NULL';
