import type { TestApp } from './app.ts';

let seeded = 0;

interface SeededPrompt {
  readonly slug: string;
  readonly id: string;
}

/** Builds a prompt in the order of the calls: `await seed(world).prompt().versions(3).serving('stable', 2).build()`. Slugs are unique. */
export function seed(world: TestApp) {
  return {
    prompt: (options: { readonly chat?: boolean } = {}) => promptBuilder(world, options.chat === true),
    channel: async () => {
      const name = `channel-${++seeded}`;
      await world.createChannel(world.admin, { name });
      return name;
    },
  };
}

export interface PromptBuilder {
  /** As many versions in all: version n holds `version n`. */
  versions(count: number): PromptBuilder;
  /** Promotions of the channel to these versions, one after the other. */
  serving(channel: string, ...versions: readonly number[]): PromptBuilder;
  withdrawn(channel: string): PromptBuilder;
  archived(): PromptBuilder;
  build(): Promise<SeededPrompt>;
}

/** What version n of a seeded prompt holds. */
export function contentOfVersion(number: number, chat = false) {
  const text = `version ${number}`;
  return chat ? { messages: [{ role: 'USER', content: text }] } : { template: text };
}

function promptBuilder(world: TestApp, chat: boolean): PromptBuilder {
  const { admin } = world;
  const slug = `seed/prompt-${++seeded}`;
  const steps: (() => Promise<unknown>)[] = [];
  const then = (...more: readonly (() => Promise<unknown>)[]): PromptBuilder => {
    steps.push(...more);
    return builder;
  };
  const edits = (count: number) =>
    Array.from({ length: count - 1 }, (_, index) => contentOfVersion(index + 2, chat));
  const builder: PromptBuilder = {
    versions: (count) =>
      then(...edits(count).map((content) => () => world.editPrompt(admin, { slug, content }))),
    serving: (channel, ...versions) =>
      then(...versions.map((version) => () => world.promoteVersion(admin, { slug, channel, version }))),
    withdrawn: (channel) => then(() => world.withdrawPrompt(admin, { slug, channel })),
    archived: () => then(() => world.archivePrompt(admin, { slug })),
    build: async () => {
      const id = await world.createPrompt(admin, { slug, content: contentOfVersion(1, chat) });
      for (const step of steps) await step();
      return { slug, id };
    },
  };
  return builder;
}

/** Which version a channel serves; null when it serves none. */
export async function serving(world: TestApp, slug: string, channel: string): Promise<number | null> {
  const pointer = await world.rows.channelPointer.findFirst({
    where: { workspaceId: world.admin.workspaceId, prompt: { slug }, channel: { name: channel } },
    select: { version: { select: { number: true } } },
  });
  return pointer?.version?.number ?? null;
}

/** The numbers of a prompt's versions, in order. */
export async function versionNumbers(world: TestApp, slug: string): Promise<number[]> {
  const versions = await world.rows.promptVersion.findMany({
    where: { prompt: { slug } },
    orderBy: { number: 'asc' },
    select: { number: true },
  });
  return versions.map(({ number }) => number);
}

/** 1, 2, 3 ... count. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
