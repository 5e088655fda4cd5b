import { LinewardError } from '../errors/lineward-error.ts';

/** Types of objects that have a global id. */
export const nodeTypes = [
  'Entity',
  'EntityVersion',
  'EntityField',
  'Dataset',
  'Mapping',
  'LakeRegistration',
  'Transformer',
  'TransformerVersion',
  'TransformRun',
  'Stream',
  'ProtectionPolicy',
  'AccountKey',
  'LineageEdge',
  'Operation',
  'OperationTarget',
  'Certificate',
  'LegalHold',
  'Topic',
  'TopicRetention',
  'AuditEvent',
  'ApiToken',
  'AccessPolicy',
  'GlossaryTerm',
  'Domain',
  'Webhook',
] as const;
export type NodeTypeName = (typeof nodeTypes)[number];

/** Opaque global id of a row: base64url of `Type:uuid`. */
export function globalId(type: NodeTypeName, id: string): string {
  return Buffer.from(`${type}:${id}`).toString('base64url');
}

/** Type and row id of a global id. @throws LinewardError NOT_FOUND when it is none of ours. */
export function readGlobalId(text: string, path: readonly string[] = ['id']): { type: NodeTypeName; id: string } {
  const [name, id, ...rest] = Buffer.from(text, 'base64url').toString('utf8').split(':');
  const type = nodeTypes.find((candidate) => candidate === name);
  if (type === undefined || id === undefined || rest.length > 0 || !/^[0-9a-f-]{36}$/.test(id)) {
    throw new LinewardError('NOT_FOUND', `${path.join('.')}: there is no object with this id`, { path });
  }
  return { type, id };
}

/** Row id of a global id of one type. @throws LinewardError NOT_FOUND for ids of other types. */
export function localId(type: NodeTypeName, text: string, path: readonly string[] = ['id']): string {
  const found = readGlobalId(text, path);
  if (found.type !== type) {
    throw new LinewardError('NOT_FOUND', `${path.join('.')}: this is the id of ${found.type}, not of ${type}`, {
      path,
    });
  }
  return found.id;
}
