import type pg from 'pg';
import type { SentStatement } from './statements.ts';

/** A node of a plan as EXPLAIN (FORMAT JSON) has it; the counts are there when it ran. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** One look into a table: how, and how many of its rows it touched for what was asked (0: it was only planned). */
export interface TableScan {
  readonly table: string;
  readonly how: string;
  readonly touched: number;
}

/**
 * How PostgreSQL goes about a statement with the values it was sent with; our statements have no names, so it always plans for the values.
 * What reads is run; what writes or locks is only planned.
 */
export async function scansOf(client: pg.Client, { text, values }: SentStatement): Promise<TableScan[]> {
  await client.query(`PREPARE explained AS ${text}`);
  const analyze = /^\s*SELECT/i.test(text) && !/FOR (KEY SHARE|NO KEY UPDATE|UPDATE|SHARE)/.test(text);
  const given = values.length === 0 ? '' : `(${values.map(literal).join(', ')})`;
  const { rows } = await client.query<{ 'QUERY PLAN': readonly { Plan: PlanNode }[] }>(
    `EXPLAIN (FORMAT JSON${analyze ? ', ANALYZE, TIMING OFF' : ''}) EXECUTE explained${given}`,
  );
  await client.query('DEALLOCATE explained');
  return (rows[0]?.['QUERY PLAN'] ?? []).flatMap(({ Plan }) => scansBelow(Plan));
}

function scansBelow(node: PlanNode): TableScan[] {
  const below = (node.Plans ?? []).flatMap(scansBelow);
  const table = node['Relation Name'];
  if (table === undefined || !node['Node Type'].includes('Scan')) return below;
  const index = node['Index Name'] === undefined ? '' : ` on ${node['Index Name']}`;
  const rows = (node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0);
  return [
    { table, how: `${node['Node Type']}${index}`, touched: Math.round(rows * (node['Actual Loops'] ?? 0)) },
    ...below,
  ];
}

function literal(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  if (Array.isArray(value)) return quoted(arrayText(value));
  if (value instanceof Uint8Array) return quoted(`\\x${Buffer.from(value).toString('hex')}`);
  if (value instanceof Date) return quoted(value.toISOString());
  return quoted(plain(value));
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function arrayText(values: readonly unknown[]): string {
  const items = values.map((value) =>
    value === null ? 'NULL' : `"${plain(value).replaceAll(/["\\]/g, String.raw`\$&`)}"`,
  );
  return `{${items.join(',')}}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
