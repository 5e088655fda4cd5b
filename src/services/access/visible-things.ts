import type { EntityManager } from '@mikro-orm/postgresql';
import type { NamedRule } from '../../domain/access/access-policy.ts';
import type { Actor } from '../../domain/access/actor.ts';
import { fitsSome } from '../../domain/access/name-pattern.ts';
import { type NodeTypeName, nodeTypes, readGlobalId } from '../../domain/global-id.ts';
import { readFullName } from '../../domain/registry/full-name.ts';
import { readSubjectName, type SubjectName } from '../../domain/registry/subject-name.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import { textArray } from '../sql.ts';
import type { PoliciesInForce } from './policies-in-force.ts';
import { readingActor, readWhole } from './reader.ts';

/** A name as requests give it. */
interface ThingName {
  readonly namespace: string;
  readonly name: string;
}

/** Tables of nodes of which some may be hidden. */
const tables: Readonly<Partial<Record<NodeTypeName, string>>> = {
  Dataset: 'dataset',
  Entity: 'entity',
  EntityVersion: 'entity_version',
  EntityField: 'entity_field',
  Mapping: 'mapping',
  Stream: 'stream',
  Topic: 'topic',
  TopicRetention: 'topic_retention',
  LakeRegistration: 'lake_registration',
  Transformer: 'transformer',
  TransformerVersion: 'transformer_version',
  TransformRun: 'transform_run',
};

/** By the name that something has, or one by which it is known still. */
const namedDatasets = `select id from dataset where namespace = ? and name = ?
  union all select dataset_id from topic_alias where namespace = ? and name = ?`;
const namedEntities = `select id, 1 as rank from entity where namespace = ? and name = ?
  union all select entity_id, 2 from entity_alias where alias = ? || '.' || ?`;

/** Tells whether what a request names is there for its actor, before a change that sees everything is made. */
export class VisibleThings {
  readonly #em: EntityManager;
  readonly #policies: PoliciesInForce;
  readonly #kafkaNamespace: string | null;

  constructor(deps: {
    readonly em: EntityManager;
    readonly policies: PoliciesInForce;
    readonly kafkaNamespace: string | null;
  }) {
    this.#em = deps.em;
    this.#policies = deps.policies;
    this.#kafkaNamespace = deps.kafkaNamespace;
  }

  /** The rules that hide something from whoever reads. */
  async #denials(): Promise<readonly NamedRule[]> {
    const actor = readingActor();
    return actor === null ? [] : (await this.#policies.current()).denials(actor, 'DISCOVER');
  }

  /** All that the arguments of a change name. @throws LinewardError NOT_FOUND, the same for what is hidden and what is not there. */
  async assertArguments(given: unknown): Promise<void> {
    if ((await this.#denials()).length === 0) return;
    const named: Named = { ids: new Map(), names: [], locations: [], subjects: [] };
    this.#collect(given, named);
    for (const [type, ids] of named.ids) await this.#assertIds(tables[type] ?? '', [...ids]);
    for (const name of named.names) if (await this.isHidden(name)) throw notFound();
    for (const subject of named.subjects)
      for (const one of await this.#withAlias(subject)) if (await this.isSubjectHidden(one)) throw notFound();
    for (const location of named.locations) if (await this.#isTableHidden(location)) throw notFound();
  }

  /** By its directory, or a URL of it. */
  async #isTableHidden(location: string): Promise<boolean> {
    const ask = () =>
      this.#em
        .fork()
        .execute<unknown[]>(`select 1 from lake_table where right('/' || ?, length(location) + 1) = '/' || location`, [
          location,
        ]);
    return (await ask()).length < (await readWhole(ask)).length;
  }

  /** Whether a dataset, topic or entity of a name is hidden from whoever reads, be it there or not. */
  async isHidden({ namespace, name }: ThingName): Promise<boolean> {
    const denials = await this.#denials();
    if (denials.length === 0) return false;
    if (denials.some((rule) => hidesName(rule, { namespace, name }))) return true;
    for (const sql of [namedDatasets, namedEntities]) {
      const ask = () => this.#em.fork().execute<unknown[]>(sql, [namespace, name, namespace, name]);
      if ((await ask()).length === 0 && (await readWhole(ask)).length > 0) return true;
    }
    return false;
  }

  isTopicHidden(name: string): Promise<boolean> {
    return this.isHidden({ namespace: this.#kafkaNamespace ?? '', name });
  }

  isEntityHidden(fullName: string): Promise<boolean> {
    return this.isHidden(readFullName(fullName));
  }

  /** Of the schema registry, by its own name or by what it describes. */
  async isSubjectHidden({ context, name }: SubjectName): Promise<boolean> {
    const denials = await this.#denials();
    if (denials.length === 0) return false;
    if (denials.some((rule) => rule.names.length > 0 && hidesName(rule, { namespace: context, name }))) return true;
    const ask = () =>
      this.#em
        .fork()
        .execute<unknown[]>('select 1 from registry_subject where context = ? and name = ?', [context, name]);
    return (await ask()).length === 0 && (await readWhole(ask)).length > 0;
  }

  /** A subject, and the one that it stands for. */
  async #withAlias(subject: SubjectName): Promise<readonly SubjectName[]> {
    const rows = await readWhole(() =>
      this.#em
        .fork()
        .execute<{ alias: string | null }[]>(
          `select config->>'alias' as alias from registry_subject where context = ? and name = ?`,
          [subject.context, subject.name],
        ),
    );
    return [subject, ...rows.flatMap(({ alias }) => subjectIn(alias ?? '', subject.context))];
  }

  /** Whether records may be sent to a topic or, without one, of an entity. @throws LinewardError FORBIDDEN */
  async assertProducing(
    actor: Actor,
    { topic, entity }: { readonly topic: string | undefined; readonly entity: string | undefined },
  ): Promise<void> {
    const policies = await this.#policies.current();
    const things = await (topic === undefined ? this.#entityNames(entity ?? '') : this.#topicNames(topic));
    const decisions = things.map((thing) => policies.explain(actor, 'PRODUCE', thing));
    const isDenied = decisions.some(({ allowed, rule }) => !allowed && rule.kind === 'POLICY');
    if (!isDenied && decisions.some(({ allowed }) => allowed)) return;
    throw new LinewardError('FORBIDDEN', `A policy keeps ${actor.id} from sending records there.`);
  }

  /** What policies may call a topic: its name and those that it had before a rewrite, by whichever it was asked for. */
  async #topicNames(name: string): Promise<readonly ThingName[]> {
    const namespace = this.#kafkaNamespace ?? '';
    const asked = { namespace, name };
    if (name.includes('\0')) return [asked];
    const rows = await readWhole(() =>
      this.#em.fork().execute<ThingName[]>(
        `with found as materialized (${namedDatasets})
         select namespace, name from dataset where id in (select id from found)
         union select namespace, name from topic_alias where dataset_id in (select id from found)`,
        [namespace, name, namespace, name],
      ),
    );
    return rows.length === 0 ? [asked] : rows;
  }

  /** Not an alias, which whoever registers may make to fit a rule. */
  async #entityNames(fullName: string): Promise<readonly ThingName[]> {
    const { namespace, name } = readFullName(fullName);
    if (fullName.includes('\0')) return [{ namespace, name }];
    const [row] = await readWhole(() =>
      this.#em
        .fork()
        .execute<ThingName[]>(
          `select namespace, name from entity join (${namedEntities}) found using (id) order by rank limit 1`,
          [namespace, name, namespace, name],
        ),
    );
    return [row ?? { namespace, name }];
  }

  /** Names of topics without those that are hidden. */
  async topicsAmong(names: readonly string[]): Promise<ReadonlySet<string>> {
    const denials = await this.#denials();
    if (denials.length === 0) return new Set(names);
    const namespace = this.#kafkaNamespace ?? '';
    const all = textArray(names);
    const ask = async () => {
      const rows = await this.#em.fork().execute<{ name: string }[]>(
        `select name from dataset where namespace = ? and name = any(?::text[])
         union select name from topic_alias where namespace = ? and name = any(?::text[])`,
        [namespace, all, namespace, all],
      );
      return new Set(rows.map(({ name }) => name));
    };
    const [seen, known] = [await ask(), await readWhole(ask)];
    const isSeen = (name: string) => seen.has(name) || !known.has(name);
    return new Set(
      names.filter((name) => isSeen(name) && !denials.some((rule) => hidesName(rule, { namespace, name }))),
    );
  }

  #collect(given: unknown, into: Named, key = ''): void {
    if (typeof given === 'string') this.#collectText(given, into, key);
    else if (Array.isArray(given)) for (const one of given) this.#collect(one, into, key);
    else if (typeof given === 'object' && given !== null) {
      const { namespace, name, entity = name } = given as Partial<ThingName> & { readonly entity?: unknown };
      if (typeof namespace === 'string' && typeof entity === 'string') into.names.push({ namespace, name: entity });
      for (const [inner, value] of Object.entries(given)) this.#collect(value, into, inner);
    }
  }

  #collectText(text: string, into: Named, key: string): void {
    if (/topic/i.test(key)) into.names.push({ namespace: this.#kafkaNamespace ?? '', name: text });
    if (/^(?:table|location)$/i.test(key) && !text.includes('\0')) into.locations.push(directoryIn(text));
    if (key === 'subject') into.subjects.push(...subjectIn(text));
    const id = globalIdIn(text);
    if (id === null || tables[id.type] === undefined) return;
    into.ids.set(id.type, (into.ids.get(id.type) ?? new Set()).add(id.id));
  }

  async #assertIds(table: string, ids: readonly string[]): Promise<void> {
    const rows = await this.#em
      .fork()
      .execute<unknown[]>(`select id from ${table} where id = any(?::text[])`, [textArray(ids)]);
    if (rows.length < ids.length) throw notFound();
  }
}

/** By names alone; what carries a classification is asked of the catalog. */
function hidesName(rule: NamedRule, { namespace, name }: ThingName): boolean {
  return rule.classifications.length === 0 && fitsSome(rule.namespaces, namespace) && fitsSome(rule.names, name);
}

interface Named {
  readonly ids: Map<NodeTypeName, Set<string>>;
  readonly names: ThingName[];
  readonly locations: string[];
  readonly subjects: SubjectName[];
}

/** Of the registry; what is no name of one is for the change itself to refuse. */
function subjectIn(text: string, context?: string): readonly SubjectName[] {
  try {
    return [readSubjectName(text, context)];
  } catch {
    return [];
  }
}

/** As tables have it, but for the root of the lake that a URL begins with. */
function directoryIn(text: string): string {
  const path = text.replace(/\/$/u, '');
  try {
    return path.startsWith('file:') ? decodeURIComponent(path) : path;
  } catch {
    return path;
  }
}

const idStarts = nodeTypes.map((type) => Buffer.from(`${type}:`).toString('base64url').slice(0, 4));

function globalIdIn(text: string): ReturnType<typeof readGlobalId> | null {
  if (text.length > 100 || !idStarts.includes(text.slice(0, 4))) return null;
  try {
    return readGlobalId(text);
  } catch {
    return null;
  }
}

const notFound = (): LinewardError => new LinewardError('NOT_FOUND', 'What the request names is not there.');
