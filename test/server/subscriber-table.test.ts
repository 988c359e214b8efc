import { pino } from 'pino';
import { v7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/db/client.ts';
import { purgeNodes } from '../../src/db/stream-subscribers.ts';
import type { OpenStream } from '../../src/db/stream-subscribers.ts';
import { startSubscriberTable } from '../../src/server/subscriber-table.ts';
import { openRegistry } from '../db/registry-fixture.ts';
import type { Registry } from '../db/registry-fixture.ts';

let registry: Registry;
let lines: { level: number; msg: string }[];
let open: OpenStream[];

beforeAll(async () => {
  registry = await openRegistry();
});

afterAll(async () => {
  await registry.close();
});

beforeEach(async () => {
  await registry.database.query('TRUNCATE stream_node CASCADE');
  lines = [];
  open = [];
});

function start(options: { nodeId?: string; database?: Registry['opened'] } = {}) {
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const table = startSubscriberTable({
    database: registry.opened,
    nodeId: v7(),
    openStreams: () => open,
    log,
    ...options,
  });
  onTestFinished(() => table.stop());
  return table;
}

const alone = (cursor: string | null) => ({ sharedId: null, cursor });

function stream(values: Partial<OpenStream> = {}): OpenStream {
  return {
    id: v7(),
    workspaceId: registry.actor.workspaceId,
    channel: 'stable',
    prompts: null,
    transport: 'WEBSOCKET',
    actorId: 'k',
    actorKind: 'API_KEY',
    actorName: 'web',
    since: new Date('2026-11-24T12:00:00.123Z'),
    told: alone(null),
    instance: null,
    ...values,
  };
}

const listed = () =>
  registry.database.query('SELECT id, last_cursor, prompts, since FROM stream_subscriber ORDER BY id');
const ids = async () => (await listed()).map(({ id }) => id);
/** Each row with the transaction that wrote it last. */
const writers = () => registry.database.query('SELECT id, xmin::text FROM stream_subscriber ORDER BY id');

describe('the table of subscribers', () => {
  it('lists what is open, with the newest cursor, until it is closed', async () => {
    const table = start();
    const [a, b] = [stream({ prompts: ['support/*', 'a'] }), stream({ prompts: [], transport: 'SSE' })];
    open = [a, b];
    await table.write();
    const row = { last_cursor: null, since: a.since };
    expect(await listed()).toEqual([
      { ...row, id: a.id, prompts: ['support/*', 'a'] },
      { ...row, id: b.id, prompts: [] },
    ]);
    open = [{ ...a, told: alone('c1') }];
    await table.write();
    expect(await listed()).toEqual([{ ...row, id: a.id, prompts: ['support/*', 'a'], last_cursor: 'c1' }]);
    open = [];
    await table.write();
    expect(await listed()).toEqual([]);
  });

  it('takes more streams than one statement holds, of several workspaces, to unknown channels too', async () => {
    const stranger = await registry.addWorkspace();
    open = Array.from({ length: 2_500 }, (_, index) =>
      stream({
        channel: 'not-there-yet',
        workspaceId: (index % 2 === 0 ? stranger : registry.actor).workspaceId,
      }),
    );
    await start().write();
    expect(await ids()).toHaveLength(2_500);
  });

  it('writes only what has changed', async () => {
    const table = start();
    open = [stream(), stream()];
    await table.write();
    const before = await writers();
    await table.write();
    open = [...open, stream()];
    await table.write();
    const after = await writers();
    expect(after).toHaveLength(3);
    expect(after).toEqual(expect.arrayContaining(before));
  });

  it('writes one row for all who were told the same, and none of theirs; who falls behind is listed by itself', async () => {
    const table = start();
    const shared = { sharedId: v7(), cursor: 'c1' };
    open = [stream({ told: shared }), stream({ told: shared }), stream({ told: alone('c0') })];
    await table.write();
    const places = () => registry.database.query('SELECT id, cursor FROM stream_place');
    expect(await places()).toEqual([{ id: shared.sharedId, cursor: 'c1' }]);
    const before = await writers();
    shared.cursor = 'c2';
    await table.write();
    expect(await places()).toEqual([{ id: shared.sharedId, cursor: 'c2' }]);
    expect(await writers()).toEqual(before);
    const [behind, ...others] = open;
    if (behind === undefined) throw new Error('three are open');
    open = [{ ...behind, told: alone('c1') }, ...others];
    await table.write();
    const row = `SELECT last_cursor, place_id FROM stream_subscriber WHERE id = '${behind.id}'`;
    expect(await registry.database.query(row)).toEqual([{ last_cursor: 'c1', place_id: null }]);
    open = open.map((one) => ({ ...one, told: alone('c3') }));
    await table.write();
    expect(await places()).toEqual([]);
  });

  it('leaves the streams of other nodes alone, and takes its own along when it stops', async () => {
    open = [stream()];
    await start().write();
    const other = start();
    open = [stream()];
    await other.write();
    expect(await ids()).toHaveLength(2);
    await other.stop();
    expect(await ids()).toHaveLength(1);
  });

  it('lists everything again when it was taken for gone', async () => {
    const table = start();
    open = [stream()];
    await table.write();
    await registry.database.query(`UPDATE stream_node SET seen_at = now() - interval '4 minutes'`);
    expect(await purgeNodes(registry.opened.writer)).toBe(0);
    await registry.database.query(`UPDATE stream_node SET seen_at = now() - interval '6 minutes'`);
    expect(await purgeNodes(registry.opened.writer)).toBe(1);
    expect(await ids()).toEqual([]);
    await table.write();
    expect(await ids()).toEqual(open.map(({ id }) => id));
  });

  it('goes on when the database is away, and says so once', async () => {
    const away = openDatabase({
      address: { connectionString: 'postgresql://u@127.0.0.1:1/x' },
      onIdleError: () => undefined,
    });
    const table = start({ database: away });
    open = [stream()];
    await table.write();
    await table.write();
    await table.stop();
    await away.close();
    expect(lines.map(({ msg }) => msg)).toEqual([
      'the open streams could not be listed for other nodes',
      'the open streams of this node stay listed until it counts as gone',
    ]);
  });
});
