import { expect } from 'vitest';
import type { Seen } from './format.ts';
import type { Playing } from './stage.ts';
import type { Subject } from './subject.ts';

/** Holds what the client shows now against what the case says. */
export function look(playing: Playing, seen: Seen): void {
  const { subject } = playing;
  const client = subject.client();
  expect(shown(playing, seen), 'what the client shows').toEqual(wanted(playing, seen));
  for (const error of seen.errors ?? [])
    expect(subject.errors.join('\n'), 'what was reported').toContain(error);
  if (seen.errors?.length === 0) expect(subject.errors, 'what was reported').toEqual([]);
  for (const text of seen.warned ?? []) expect(subject.logged.join('\n'), 'what was logged').toContain(text);
  if (seen.lastError !== undefined)
    expect(client.status().lastError?.message, 'the last error').toContain(seen.lastError);
  if (seen.rendered !== undefined) {
    const { slug, variables, text } = seen.rendered;
    expect(client.render(slug, variables as Record<string, string>).text).toBe(text);
  }
  const { slug = '', throws, is } = seen.get ?? {};
  if (throws !== undefined) expect(codeOf(() => client.get(slug))).toBe(throws);
  if (is !== undefined) expect(client.get(slug)).toMatchObject(is);
}

const COMPARED = [
  'serves',
  'told',
  'reasons',
  'connected',
  'transport',
  'source',
  'cursor',
  'lagMs',
  'stale',
  'staleTold',
  'url',
] as const;
type Compared = Readonly<Record<(typeof COMPARED)[number], unknown>>;

function wanted({ world, server }: Playing, seen: Seen): Partial<Compared> {
  const { cursor, url } = seen;
  const own = {
    ...(cursor === undefined ? {} : { cursor: world.cursor(cursor) }),
    ...(url === undefined ? {} : { url: server.urls[url] }),
  };
  return { ...asked(seen, seen), ...own };
}

function shown({ subject }: Playing, seen: Seen): Partial<Compared> {
  const client = subject.client();
  const { connected, transport, source, cursor, lagMs, staleSince, serverUrl: url } = client.status();
  const status = { connected, transport, source, cursor, lagMs, url, stale: staleSince !== null };
  const told = { told: toldOf(subject), reasons: [...subject.reasons], staleTold: subject.stale() };
  return asked({ serves: seen.serves === undefined ? null : served(client), ...told, ...status }, seen);
}

function asked(all: Partial<Compared>, seen: Seen): Partial<Compared> {
  return Object.fromEntries(
    COMPARED.flatMap((name) => (seen[name] === undefined ? [] : [[name, all[name]]])),
  );
}

/** Moves of one commit are told in any order. */
export function toldOf({ told }: Subject): string[] {
  const commits = told.reduce<(typeof told)[]>((runs, move) => {
    const last = runs.at(-1);
    if (last?.[0]?.cursor === move.cursor) last.push(move);
    else runs.push([move]);
    return runs;
  }, []);
  return commits.flatMap((moves) => moves.map(({ move }) => move).toSorted());
}

function served(client: ReturnType<Playing['subject']['client']>): Record<string, number> | null {
  if (codeOf(() => client.get('no/such-prompt')) === 'NO_CONTACT_YET') return null;
  return Object.fromEntries(client.slugs().map((slug) => [slug, client.get(slug).version]));
}

function codeOf(call: () => unknown): string {
  try {
    call();
    return 'nothing';
  } catch (error) {
    return (error as { code: string }).code;
  }
}
