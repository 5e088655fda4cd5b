import {
  coerceInputValue,
  type GraphQLInputType,
  type GraphQLSchema,
  getNullableType,
  isInputObjectType,
  isInputType,
  isListType,
  type OperationDefinitionNode,
  typeFromAST,
} from 'graphql';
import { LinewardError } from '../../errors/lineward-error.ts';
import { badRequest } from './query-limits.ts';

type Path = readonly (string | number)[];

const faultsMax = 5;
// These name fields, and none of them a value.
const nameFaults = /^Field "\w+" (of required type "[^"]+" was not provided|is not defined by type "\w+")/;

/**
 * Refuses variables that do not fit their types, before GraphQL does: its own messages repeat the value, and values here
 * are personal data.
 */
export function assertVariables(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): void {
  const faults: string[] = [];
  let path: Path | undefined;
  for (const { variable, type: typeNode } of operation.variableDefinitions ?? []) {
    const name = variable.name.value;
    const type = typeFromAST(schema, typeNode);
    // A null or absent value is told of by GraphQL, and there is nothing of it to repeat.
    if (variables[name] == null || !isInputType(type)) continue;
    coerceInputValue(variables[name], type, (at, _value, { message }) => {
      path ??= [name, ...at];
      const place = [`$${name}`, ...at].join('.');
      faults.push(`${place}: ${nameFaults.exec(message)?.[0] ?? `expected ${String(typeAt(type, at))}`}`);
    });
  }
  if (path === undefined) return;
  const more = faults.length > faultsMax ? `; and ${faults.length - faultsMax} more` : '';
  const message = `Variables do not fit their types: ${faults.slice(0, faultsMax).join('; ')}${more}.`;
  throw badRequest(new LinewardError('BAD_INPUT', message, { path: path.map(String) }), operation);
}

function typeAt(type: GraphQLInputType, path: Path): GraphQLInputType {
  const [step, ...rest] = path;
  const real = getNullableType(type);
  if (step === undefined) return type;
  // A single value stands for a list of it, without an index in its path.
  if (isListType(real)) return typeAt(real.ofType, typeof step === 'number' ? rest : path);
  const field = isInputObjectType(real) ? real.getFields()[step] : undefined;
  return field === undefined ? type : typeAt(field.type, rest);
}
