import { v7 } from 'uuid';
import { createApp } from '../../src/actions/app.ts';
import type { App } from '../../src/actions/app.ts';
import { openDatabase } from '../../src/db/client.ts';
import type { Database } from '../../src/db/client.ts';
import type { ActionDeps } from '../../src/db/transaction.ts';
import { systemActor } from '../../src/domain/actor.ts';
import type { Actor } from '../../src/domain/actor.ts';
import { createTestDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import type { EventRow } from './chain.ts';

export interface Registry {
  readonly database: TestDatabase;
  readonly opened: Database;
  readonly deps: ActionDeps;
  readonly app: App;
  readonly actor: Actor;
  /** Another workspace, with its default channels. */
  addWorkspace(): Promise<Actor>;
  close(): Promise<void>;
}

/** The actions on a database of their own, without a server around them. */
export async function openRegistry(
  options: { onCommit?: ActionDeps['onCommit']; clock?: ActionDeps['clock'] } = {},
): Promise<Registry> {
  const database = await createTestDatabase();
  const opened = openDatabase({
    address: { connectionString: database.url },
    onIdleError: () => undefined,
    writerConnectionsMax: 8,
    readerConnectionsMax: 4,
  });
  const deps: ActionDeps = {
    writer: opened.writer,
    onCommit: options.onCommit ?? (async () => undefined),
    clock: options.clock ?? (() => new Date()),
    newId: () => v7(),
  };
  const app = createApp(deps);
  const addWorkspace = async (): Promise<Actor> => {
    const slug = `w-${v7().slice(-12)}`;
    const { id: workspaceId } = await app.ensureWorkspace({ slug, name: slug });
    return systemActor(workspaceId);
  };
  return {
    database,
    opened,
    deps,
    app,
    actor: await addWorkspace(),
    addWorkspace,
    close: async () => {
      await opened.close();
      await database.drop();
    },
  };
}

export async function readLog(database: TestDatabase, workspaceId: string): Promise<EventRow[]> {
  return database.query<EventRow>('SELECT * FROM "event" WHERE workspace_id = $1 ORDER BY seq', [
    workspaceId,
  ]);
}
