import { type Client, escapeIdentifier } from 'pg';

/** Where BullMQ keeps its tables. */
export const queueSchema = 'bullmq';
export const applicationSchemas = ['public', queueSchema];

const tablePrivileges = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'] as const;
const usualOfTable = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];
const usualOfSequence = ['SELECT', 'UPDATE', 'USAGE'];

/** What the application may do with a table, where that is less than with all others. */
const lesser: Readonly<Record<string, { readonly table: readonly string[]; readonly columns?: string }>> = {
  audit_event: { table: ['SELECT', 'INSERT'] },
  audit_seal: { table: ['SELECT', 'INSERT'] },
  // That it was published is learnt later; a trigger lets nothing else be changed.
  audit_checkpoint: { table: ['SELECT', 'INSERT'], columns: 'update (published_at)' },
  certificate: { table: ['SELECT', 'INSERT'] },
  schema_migration: { table: ['SELECT'] },
};

interface Relation {
  readonly schema: string;
  readonly name: string;
  readonly isSequence: boolean;
  readonly granted: readonly string[];
  /** True for a table with row-level security that lets the role see nothing yet. */
  readonly lacksPolicy: boolean;
}

// Others may keep tables in the same schema: ours are those of the owner of the list of migrations.
const relations = `
  select n.nspname as schema, c.relname as name, c.relkind = 'S' as "isSequence",
    case when c.relkind = 'S'
      then array(select p from unnest($3::text[]) p where has_sequence_privilege($1::name, c.oid, p))
      else array(select p from unnest($4::text[]) p where has_table_privilege($1::name, c.oid, p)) end as granted,
    c.relrowsecurity and not exists (
      select from pg_policy p where p.polrelid = c.oid and to_regrole(quote_ident($1::text)) = any (p.polroles)) as "lacksPolicy"
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = any ($2) and c.relkind in ('r', 'p', 'v', 'm', 'S')
    and c.relowner = (select relowner from pg_class where oid = to_regclass('public.schema_migration'))
  order by 1, 2`;

async function relationsFor(client: Client, role: string): Promise<readonly Relation[]> {
  const asked = [role, applicationSchemas, usualOfSequence, tablePrivileges];
  const { rows } = await client.query<Relation>(relations, asked);
  return rows;
}

const lesserOf = ({ schema, name }: Relation) => (schema === 'public' ? lesser[name] : undefined);
const wantedOf = (relation: Relation): readonly string[] =>
  relation.isSequence ? usualOfSequence : (lesserOf(relation)?.table ?? usualOfTable);

/** Where the role may do more or less than the application needs, in words; empty when all is as it should be. */
export async function grantFaults(client: Client, role: string): Promise<readonly string[]> {
  const found = await relationsFor(client, role);
  return found.flatMap((relation) => {
    const { granted } = relation;
    const wanted = wantedOf(relation);
    const name = `${relation.schema}.${relation.name}`;
    return [
      ...wanted.filter((one) => !granted.includes(one)).map((one) => `${name}: ${one} is missing`),
      ...granted.filter((one) => !wanted.includes(one)).map((one) => `${name}: ${one} is too much`),
      ...(relation.lacksPolicy ? [`${name}: the policy is missing`] : []),
    ];
  });
}

function grantsOn(relation: Relation, role: string): readonly string[] {
  const name = `${escapeIdentifier(relation.schema)}.${escapeIdentifier(relation.name)}`;
  const kind = relation.isSequence ? 'sequence' : 'table';
  const columns = lesserOf(relation)?.columns;
  return [
    `revoke all on ${kind} ${name} from ${role}`,
    `grant ${wantedOf(relation).join(', ')} on ${kind} ${name} to ${role}`,
    ...(columns === undefined ? [] : [`grant ${columns} on ${name} to ${role}`]),
    ...(relation.lacksPolicy
      ? [`create policy ${role} on ${name} for all to ${role} using (true) with check (true)`]
      : []),
  ];
}

/**
 * Grants the role what the application needs, on every table that there is, and takes away what is more; nothing when all is
 * as it should be. The only place of grants: a table of a later migration is granted by being there. Tables made by hand of
 * the owner in between are covered by default privileges.
 */
export async function grantToApplication(client: Client, role: string): Promise<void> {
  if ((await grantFaults(client, role)).length === 0) return;
  const name = escapeIdentifier(role);
  const found = await relationsFor(client, role);
  const schemas = applicationSchemas.filter((schema) => found.some((relation) => relation.schema === schema));
  const statements = [
    ...schemas.flatMap((schema) => [
      `grant usage on schema ${schema} to ${name}`,
      `alter default privileges in schema ${schema} grant ${usualOfTable.join(', ')} on tables to ${name}`,
      `alter default privileges in schema ${schema} grant ${usualOfSequence.join(', ')} on sequences to ${name}`,
    ]),
    ...found.flatMap((relation) => grantsOn(relation, name)),
  ];
  await client.query(['begin', ...statements, 'commit'].join(';\n'));
}
