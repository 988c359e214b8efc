import { expect } from 'vitest';
import { openEventStream } from '../support/event-stream.ts';
import type { TestServer } from '../support/server.ts';

/** Somebody who follows a prompt on stable, under a name of its own or silently, and says on demand that it has applied the next move. */
export async function startFollower(
  server: Pick<TestServer, 'url' | 'adminKey'>,
  slug: string,
  instance?: string,
) {
  const name = instance === undefined ? '' : `&instance=${instance}`;
  const stream = await openEventStream(`${server.url}/v1/channels/stable/events?prompts=${slug}${name}`, {
    key: server.adminKey,
  });
  const next = async (event: string): Promise<string> => {
    for (;;) {
      const told = await stream.next();
      if (told.event === event) return told.id ?? '';
    }
  };
  await next('snapshot');
  const apply = async (): Promise<void> => {
    const body = JSON.stringify({ instance, cursor: await next('promoted') });
    const headers = { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' };
    const { status } = await fetch(`${server.url}/v1/channels/stable/applied`, {
      method: 'POST',
      headers,
      body,
    });
    expect(status).toBe(204);
  };
  return { apply, abort: () => stream.abort() };
}
