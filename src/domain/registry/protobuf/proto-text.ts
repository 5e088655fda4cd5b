import {
  allFields,
  maxFieldNumber,
  type ProtoEnum,
  type ProtoExtend,
  type ProtoField,
  type ProtoFile,
  type ProtoMessage,
  type ProtoOption,
  type ProtoRange,
  type ProtoService,
  type ProtoType,
} from './proto-file.ts';
import { quoted } from './proto-tokens.ts';

/**
 * A file as canonical source: syntax, package, imports, options, then types in their order, two spaces a level, one statement
 * a line. White space and comments of the original are gone, so they are no part of a schema's identity.
 */
export function printProto(file: ProtoFile): string {
  const head = /^\d/.test(file.syntax) ? `edition = "${file.syntax}";` : `syntax = "${file.syntax}";`;
  const blocks = [
    [head, ...(file.package === '' ? [] : [`package ${file.package};`])],
    file.imports.map(({ path, modifier }) => `import ${modifier === null ? '' : `${modifier} `}${quoted(path)};`),
    file.options.map(optionLine),
    ...withoutGroups(file.types, extensionsOf(file)).map(typeLines),
    ...file.extends.map((one) => extendLines(one, file.types)),
    ...file.services.map(serviceLines),
  ];
  return `${blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join('\n'))
    .join('\n\n')}\n`;
}

function extensionsOf(owner: { readonly extends: readonly ProtoExtend[] }): readonly ProtoField[] {
  return owner.extends.flatMap((one) => one.fields);
}

/** Types that stand for themselves: the message of a group is written with its field. */
function withoutGroups(types: readonly ProtoType[], fields: readonly ProtoField[]): readonly ProtoType[] {
  const groups = new Set(fields.filter((field) => field.isGroup).map((field) => field.type));
  return types.filter((type) => !groups.has(type.name));
}

function typeLines(type: ProtoType): readonly string[] {
  return type.kind === 'message' ? messageLines(type) : enumLines(type);
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}

function messageLines(message: ProtoMessage): readonly string[] {
  return [`message ${message.name} {`, ...indented(bodyLines(message)), '}'];
}

function bodyLines(message: ProtoMessage): readonly string[] {
  const own = withoutGroups(message.types, [...allFields(message), ...extensionsOf(message)]);
  return [
    ...reservedLines(message),
    ...message.options.map(optionLine),
    ...message.fields.flatMap((field) => fieldLines(field, message.types)),
    ...message.oneofs.flatMap((oneof) => [
      `oneof ${oneof.name} {`,
      ...indented([
        ...oneof.options.map(optionLine),
        ...oneof.fields.flatMap((field) => fieldLines(field, message.types)),
      ]),
      '}',
    ]),
    ...message.extensionRanges.map((range) => `extensions ${rangeText(range)};`),
    ...own.flatMap(typeLines),
    ...message.extends.flatMap((one) => extendLines(one, message.types)),
  ];
}

function enumLines(type: ProtoEnum): readonly string[] {
  const values = type.values.map(({ name, number, options }) => `${name} = ${number}${optionList(options)};`);
  return [
    `enum ${type.name} {`,
    ...indented([...reservedLines(type), ...type.options.map(optionLine), ...values]),
    '}',
  ];
}

function fieldLines(field: ProtoField, types: readonly ProtoType[]): readonly string[] {
  const label = field.label === null ? '' : `${field.label} `;
  if (!field.isGroup) return [`${label}${field.type} ${field.name} = ${field.number}${optionList(field.options)};`];
  const body = types.find((type) => type.name === field.type);
  const inner = body?.kind === 'message' ? bodyLines(body) : [];
  return [`${label}group ${field.type} = ${field.number}${optionList(field.options)} {`, ...indented(inner), '}'];
}

function reservedLines({
  reservedRanges,
  reservedNames,
}: {
  readonly reservedRanges: readonly ProtoRange[];
  readonly reservedNames: readonly string[];
}): readonly string[] {
  return [
    ...(reservedRanges.length === 0 ? [] : [`reserved ${reservedRanges.map(rangeText).join(', ')};`]),
    ...(reservedNames.length === 0 ? [] : [`reserved ${reservedNames.map(quoted).join(', ')};`]),
  ];
}

function rangeText({ from, to }: ProtoRange): string {
  if (from === to) return String(from);
  return `${from} to ${to === maxFieldNumber ? 'max' : to}`;
}

function extendLines({ name, fields }: ProtoExtend, types: readonly ProtoType[]): readonly string[] {
  return [`extend ${name} {`, ...indented(fields.flatMap((field) => fieldLines(field, types))), '}'];
}

function serviceLines(service: ProtoService): readonly string[] {
  const methods = service.methods.flatMap((method) => {
    const request = `${method.streamsRequest ? 'stream ' : ''}${method.request}`;
    const response = `${method.streamsResponse ? 'stream ' : ''}${method.response}`;
    const head = `rpc ${method.name} (${request}) returns (${response})`;
    return method.options.length === 0 ? [`${head};`] : [`${head} {`, ...indented(method.options.map(optionLine)), '}'];
  });
  return [`service ${service.name} {`, ...indented([...service.options.map(optionLine), ...methods]), '}'];
}

function optionLine({ name, value }: ProtoOption): string {
  return `option ${name} = ${value};`;
}

function optionList(options: readonly ProtoOption[]): string {
  return options.length === 0 ? '' : ` [${options.map(({ name, value }) => `${name} = ${value}`).join(', ')}]`;
}
