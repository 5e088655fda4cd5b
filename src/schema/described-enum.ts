import { registerEnumType } from 'type-graphql';

/**
 * Publishes a list of words as a GraphQL enum; every value carries a description. Answers the object that type thunks
 * refer to.
 */
export function describedEnum<Value extends string>(
  name: string,
  description: string,
  values: Readonly<Record<Value, string>>,
): Readonly<Record<Value, Value>> {
  const words = Object.keys(values) as Value[];
  const object = Object.fromEntries(words.map((word) => [word, word])) as Record<Value, Value>;
  const valuesConfig = Object.fromEntries(words.map((word) => [word, { description: values[word] }])) as Record<
    Value,
    { description: string }
  >;
  registerEnumType(object, { name, description, valuesConfig });
  return object;
}
