import { Migration } from '@mikro-orm/migrations';

/** Numbers for what lineage walks over, and a log of changes by which a process keeps its copy of the graph exact. See ADR 0027. */
export class LineageGraphMigration extends Migration {
  override up(): void {
    this.addSql(numbers);
    this.addSql(changes);
  }
}

const numbers = `
  alter table dataset add column number integer generated always as identity;
  create unique index on dataset (number);
  alter table dataset_field add column number integer generated always as identity;
  create unique index on dataset_field (number);
  alter table lineage_edge add column number bigint generated always as identity;
  create unique index on lineage_edge (number);
`;

const changes = `
  -- Which edges a transaction touched; without an edge, all of the graph. A reader takes what its last snapshot did not show.
  create table lineage_change (
    graph text not null check (graph in ('DATASET', 'COLUMN', 'TWIN')),
    xid xid8 not null default pg_current_xact_id(),
    edge bigint
  );
  create index on lineage_change (graph, xid);
  -- Changes of transactions up to this one may have been forgotten.
  create table lineage_change_floor (id integer primary key default 1 check (id = 1), xid xid8 not null);
  insert into lineage_change_floor (xid) values ('0');

  create function lineage_change_mark() returns trigger language plpgsql as $$
  begin
    if tg_op = 'TRUNCATE' then insert into lineage_change (graph) values (tg_argv[0]);
    elsif tg_argv[0] = 'DATASET' then insert into lineage_change (graph, edge) select 'DATASET', number from touched;
    elsif tg_argv[0] = 'COLUMN' then insert into lineage_change (graph, edge) select 'COLUMN', id from touched;
    elsif exists (select from touched) then insert into lineage_change (graph) values ('TWIN');
    end if;
    return null;
  end $$;

${marksOn('lineage_edge', 'DATASET')}
${marksOn('column_edge', 'COLUMN')}
${marksOn('dataset_symlink', 'TWIN')}
  create trigger dataset_field_insert after insert on dataset_field
    referencing new table as touched for each statement execute function lineage_change_mark('TWIN');
`;

function marksOn(table: string, graph: string): string {
  const each = (event: string, rows: string): string =>
    `  create trigger ${table}_${event} after ${event} on ${table} ${rows} for each statement execute function lineage_change_mark('${graph}');`;
  return [
    each('insert', 'referencing new table as touched'),
    each('update', 'referencing new table as touched'),
    each('delete', 'referencing old table as touched'),
    each('truncate', ''),
  ].join('\n');
}
