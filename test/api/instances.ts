import { expect } from 'vitest';
import { openEventStream } from '../support/event-stream.ts';
import type { TestServer } from '../support/server.ts';

/** An instance has applied everything up to a cursor. */
export async function sayApplied(
  node: TestServer,
  { key, ...said }: { readonly instance: string; readonly cursor: string; readonly key: string },
): Promise<void> {
  const response = await fetch(`${node.url}/v1/channels/stable/applied`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify(said),
  });
  expect(response.status).toBe(204);
}

/** A process that listens on one node, and says to another what it has applied; null: it never does. Prompts '': all. */
export async function listenAs(
  instance: string,
  {
    node,
    key,
    prompts,
    saysTo,
  }: {
    readonly node: TestServer;
    readonly key: string;
    readonly prompts: string;
    readonly saysTo: TestServer | null;
  },
) {
  const query = new URLSearchParams({ instance, ...(prompts === '' ? {} : { prompts }) });
  const stream = await openEventStream(`${node.url}/v1/channels/stable/events?${query}`, { key });
  const first = await stream.next();
  const listen = async () => {
    for (let event = first; ; event = await stream.next())
      if (event.id !== undefined && saysTo !== null)
        await sayApplied(saysTo, { instance, cursor: event.id, key });
  };
  listen().catch(() => undefined);
  return { cursor: first.id ?? '' };
}
