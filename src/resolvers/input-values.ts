import {
  type GraphQLArgument,
  type GraphQLInputType,
  type GraphQLSchema,
  getNullableType,
  isInputObjectType,
  isListType,
  isObjectType,
} from 'graphql';
import { LinewardError } from '../errors/lineward-error.ts';
import { Json } from '../schema/scalars.ts';

type Values = Readonly<Record<string, unknown>>;
type Slot = Pick<GraphQLArgument, 'name' | 'type' | 'extensions'>;

/** Most items of any list: none is without an end. What takes fewer, 10,000 at most, says so itself. */
const itemsMax = 20_000;

/**
 * Gives all resolvers of a schema the same view of input: a null is as good as absent, except where the extension
 * `nullClears` says that it removes what is there, no list has more than 20,000 items, and texts hold no character that the
 * database cannot keep. Inside JSON scalars nothing is touched.
 */
export function settleInputs(schema: GraphQLSchema): void {
  for (const type of Object.values(schema.getTypeMap()).filter(isObjectType)) {
    for (const field of Object.values(type.getFields())) {
      const { resolve, args } = field;
      if (resolve === undefined || args.length === 0) continue;
      field.resolve = (source, given, context, info) => resolve(source, settled(args, given, []), context, info);
    }
  }
}

function settled(slots: readonly Slot[], given: Values, path: readonly string[]): Values {
  return Object.fromEntries(
    slots.flatMap((slot) => {
      const { name, type } = slot;
      const value = given[name];
      if (value === null && slot.extensions.nullClears === true) return [[name, null]];
      return value === null || value === undefined ? [] : [[name, settledValue(type, value, [...path, name])]];
    }),
  );
}

function settledValue(type: GraphQLInputType, value: unknown, path: readonly string[]): unknown {
  const real = getNullableType(type);
  if (isListType(real) && Array.isArray(value)) {
    if (value.length > itemsMax)
      throw new LinewardError('LIMIT_EXCEEDED', `${path.join('.')}: at most ${itemsMax} items in one request`, {
        path,
      });
    return value.map((item, index) => settledValue(real.ofType, item, [...path, String(index)]));
  }
  if (isInputObjectType(real)) return settled(Object.values(real.getFields()), value as Values, path);
  if (typeof value === 'string' && real !== Json && (value.includes('\0') || !value.isWellFormed())) {
    const what = value.includes('\0') ? 'the character U+0000' : 'half of a surrogate pair';
    throw new LinewardError('BAD_INPUT', `${path.join('.')}: must not hold ${what}`, { path });
  }
  return value;
}
