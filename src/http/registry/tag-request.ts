import {
  mergeRuleSets,
  type RuleSet,
  readMetadata,
  readRuleSet,
  type SchemaMetadata,
} from '../../domain/registry/schema-metadata.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import type { RegisterSchema } from '../../services/registry/registration.ts';
import type { StoredSchema } from '../../services/registry/subject-rows.ts';
import { type Body, wholeMember } from './schema-request.ts';

type TagsByPath = ReadonlyMap<string, readonly string[]>;

/** A change of the tags of a schema, and of the metadata and rules beside it. */
export interface TagRequest {
  readonly newVersion: number | null;
  readonly add: TagsByPath;
  readonly remove: TagsByPath;
  readonly metadata: SchemaMetadata | null;
  readonly ruleSet: RuleSet | null;
  readonly rulesToMerge: RuleSet | null;
  readonly rulesToRemove: readonly string[];
}

const versionProperty = 'confluent:version';

/**
 * Reads `{newVersion?, tagsToAdd?, tagsToRemove?, metadata?, ruleSet?, rulesToMerge?, rulesToRemove?}`, where a tag is
 * `{schemaEntity: {entityPath, entityType}, tags}`.
 * @throws LinewardError SCHEMA_INVALID or RULE_SET_INVALID
 */
export function readTagRequest(body: Body): TagRequest {
  const newVersion = wholeMember(body, 'newVersion');
  const request = {
    newVersion: newVersion === null || newVersion <= 0 ? null : newVersion,
    add: readTags(body.tagsToAdd, 'tagsToAdd'),
    remove: readTags(body.tagsToRemove, 'tagsToRemove'),
    metadata: readMetadata(body.metadata),
    ruleSet: readRuleSet(body.ruleSet),
    rulesToMerge: readRuleSet(body.rulesToMerge, 'rulesToMerge'),
    rulesToRemove: readNames(body.rulesToRemove, ['rulesToRemove']),
  };
  const changesRules = request.rulesToMerge !== null || request.rulesToRemove.length > 0;
  if (request.ruleSet !== null && changesRules)
    throw new LinewardError('RULE_SET_INVALID', 'ruleSet: give it, or rulesToMerge and rulesToRemove, and not both', {
      path: ['ruleSet'],
    });
  return request;
}

function readNames(value: unknown, path: readonly string[]): readonly string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new LinewardError('SCHEMA_INVALID', `${path.join('.')}: must be a list of strings`, { path });
}

function readTags(value: unknown, name: string): TagsByPath {
  const tags = new Map<string, readonly string[]>();
  if (value === undefined || value === null) return tags;
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  items.forEach((item, index) => {
    const path = [name, String(index)];
    const entity = memberOf(item, 'schemaEntity');
    const entityPath = memberOf(entity, 'entityPath');
    if (typeof entityPath !== 'string' || entityPath === '')
      throw new LinewardError(
        'SCHEMA_INVALID',
        `${path.join('.')}.schemaEntity.entityPath: must name a field or record`,
        {
          path,
        },
      );
    const known = tags.get(entityPath) ?? [];
    tags.set(entityPath, [...known, ...readNames(memberOf(item, 'tags'), [...path, 'tags'])]);
  });
  return tags;
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

/** The registration that gives a schema other tags. The text stays: tags are kept in the metadata, by path. */
export function retagged(schema: StoredSchema, request: TagRequest): RegisterSchema {
  const { format, text, references } = schema;
  const metadata = withTags(request.metadata ?? schema.metadata ?? {}, request);
  const ruleSet = request.ruleSet ?? withRules(schema.ruleSet, request);
  return { format, text, references, metadata, ruleSet, normalize: false, id: null, version: request.newVersion };
}

function withTags(metadata: SchemaMetadata, { add, remove, newVersion }: TagRequest): SchemaMetadata {
  const tags = new Map(Object.entries(metadata.tags ?? {}));
  for (const [path, added] of add) tags.set(path, [...new Set([...(tags.get(path) ?? []), ...added])]);
  for (const [path, removed] of remove) {
    const left = (tags.get(path) ?? []).filter((tag) => !removed.includes(tag));
    if (left.length === 0) tags.delete(path);
    else tags.set(path, left);
  }
  const { tags: _before, ...rest } = metadata;
  const numbered =
    newVersion === null ? rest : { ...rest, properties: { ...rest.properties, [versionProperty]: String(newVersion) } };
  return tags.size === 0 ? numbered : { ...numbered, tags: Object.fromEntries(tags) };
}

function withRules(before: RuleSet | null, { rulesToMerge, rulesToRemove }: TagRequest): RuleSet | null {
  const merged = mergeRuleSets(before, rulesToMerge);
  if (merged === null || rulesToRemove.length === 0) return merged;
  const kept = Object.entries(merged).map(([part, rules]): [string, unknown] => [
    part,
    Array.isArray(rules) ? rules.filter((rule) => !rulesToRemove.includes(rule.name)) : rules,
  ]);
  return readRuleSet(Object.fromEntries(kept));
}
