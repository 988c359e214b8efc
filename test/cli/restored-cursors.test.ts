import { expect, it, onTestFinished } from 'vitest';
import { createPrompt, editPrompt, promote } from '../api/registry.ts';
import { backUp, restoreInto } from '../support/backups.ts';
import { createTestDatabase } from '../support/database.ts';
import { openEventStream } from '../support/event-stream.ts';
import { openFollower } from '../support/follower.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

const SLUG = 'support/assistant';
const VERSIONS = [1, 2, 3, 4];

/** A server whose channel served version 1 when it was backed up and serves version 3 now, and the server of the backup. */
async function restoredServers() {
  const lost = await startTestServer();
  onTestFinished(() => lost.close());
  await createPrompt(lost, SLUG, { content: { template: '1' } });
  for (const number of VERSIONS.slice(1))
    await editPrompt(lost, SLUG, { content: { template: String(number) } });
  const { cursor: atBackup } = await promote(lost, SLUG, 1);
  const { path } = await backUp(lost.database.url);
  const { cursor: after } = await promote(lost, SLUG, 2);
  const { cursor: longAfter } = await promote(lost, SLUG, 3);

  const database = await createTestDatabase({ empty: true });
  onTestFinished(() => database.drop());
  expect(await restoreInto(database.url, path)).toEqual([]);
  const restored = await startTestServer({ database });
  onTestFinished(() => restored.close());
  // The keys in the backup are valid; a server makes none where there is an administrator.
  return { restored: { ...restored, adminKey: lost.adminKey }, cursors: { atBackup, after, longAfter } };
}

const follow = (server: TestServer, cursor: string) =>
  openFollower(server, `channel: "stable", after: "${cursor}"`);

const served = (version: number) => [
  expect.objectContaining({ version: expect.objectContaining({ number: version }) }),
];

it('a restored server tells old cursors why they begin anew, and goes on after those of before the backup', async () => {
  const { restored, cursors } = await restoredServers();
  // The log is as long as at the backup: what it was then goes on, what came later is ahead of it.
  const same = await follow(restored, cursors.atBackup);
  const ahead = await follow(restored, cursors.longAfter);
  const snapshot = await ahead.nextEvent();
  expect(snapshot).toMatchObject({
    __typename: 'ChannelSnapshot',
    reason: 'CURSOR_AHEAD',
    complete: true,
    entries: served(1),
  });

  // Past the old cursors, with another history: the same numbers, other events.
  const key = { key: restored.adminKey };
  const move = (version: number) =>
    restored.execute(
      `mutation { promoteVersion(input: { slug: "${SLUG}", version: ${version} }) { __typename } }`,
      {},
      key,
    );
  for (const version of [4, 1, 4]) expect((await move(version)).errors()).toEqual([]);
  for (const follower of [same, ahead])
    for (const number of [4, 1, 4])
      expect(await follower.nextEvent()).toMatchObject({
        __typename: 'VersionPromoted',
        version: { number },
      });

  for (const cursor of [cursors.after, cursors.longAfter]) {
    const event = await (await follow(restored, cursor)).nextEvent();
    expect(event).toMatchObject({
      __typename: 'ChannelSnapshot',
      reason: 'HISTORY_CHANGED',
      complete: true,
      entries: served(4),
    });
    const stream = await openEventStream(`${restored.url}/v1/channels/stable/events`, {
      ...key,
      headers: { 'last-event-id': cursor },
    });
    const { event: name, data = '' } = await stream.next();
    expect([name, JSON.parse(data)]).toMatchObject([
      'snapshot',
      { reason: 'HISTORY_CHANGED', complete: true, entries: [{ slug: SLUG, version: 4 }] },
    ]);
  }
  const [row] = await restored.database.query<{ number: number }>(
    `SELECT v.number FROM "channel_pointer" p JOIN "channel" c ON c.id = p.channel_id AND c.name = 'stable' JOIN "prompt_version" v ON v.id = p.version_id`,
  );
  expect(row).toEqual({ number: 4 });
});
