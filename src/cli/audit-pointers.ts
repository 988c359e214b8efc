import { z } from 'zod';
import type { AuditFault } from './audit-chain.ts';
import { innerId } from './audit-fields.ts';
import type { ExportedLine } from './audit-lines.ts';
import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';
import type { Request } from './graphql-client.ts';
import { contentHash } from '../domain/version.ts';
import type { Content } from '../domain/version.ts';

const PAGE_SIZE = 50;
const CHANNELS = 'query { channels { name } }';
const SERVING = `query ($channel: String!, $first: Int!, $after: String) {
  channel(name: $channel) {
    serving(first: $first, after: $after) {
      edges { node {
        prompt { id slug }
        promotion { id }
        version {
          number contentHash kind template config
          messages { role content name }
          variables { name type required default description options declared }
        }
      } }
      pageInfo { hasNextPage endCursor }
    }
  }
}`;
const NODE = z.object({ id: z.string() });
const VERSION = z.object({
  number: z.int(),
  contentHash: z.string(),
  kind: z.string(),
  template: z.string().nullable(),
  config: z.unknown(),
  messages: z.array(z.record(z.string(), z.unknown())).nullable(),
  variables: z.array(z.record(z.string(), z.unknown())),
});
const PAGE = z.object({
  channel: z.object({
    serving: z.object({
      edges: z.array(
        z.object({
          node: z.object({
            prompt: z.object({ id: z.string(), slug: z.string() }),
            promotion: NODE.nullable(),
            version: VERSION,
          }),
        }),
      ),
      pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }),
    }),
  }),
});
const PAYLOAD = z.object({
  channel: z.string(),
  version: z.int().optional(),
  contentHash: z.string().optional(),
});

interface LastMove {
  readonly seq: number;
  readonly promotionId: string | null;
  /** Null: withdrawn. */
  readonly version: number | null;
  /** Null: an event of before it was kept. */
  readonly contentHash: string | null;
}

/** What a channel serves of a prompt, as the server answers. */
export interface ServedPointer {
  readonly channel: string;
  readonly promptId: string;
  readonly slug: string;
  readonly promotionId: string | null;
  readonly version: number;
  readonly contentHash: string;
  /** Computed here, of the content that the server answers. */
  readonly computedHash: string;
}

/** The last promotion of each prompt on each channel, as the log tells it: prompts by their ids, whatever they are called now. */
export class LastMoves {
  readonly #moves = new Map<string, LastMove[]>();
  /** While the server is asked what it serves the log may move: from here on, what was right before stays right. */
  #keepsEarlier = false;

  record({ promptId, promotionId, event: { seq, type, payload } }: ExportedLine): void {
    if (promptId === null || (type !== 'VersionPromoted' && type !== 'VersionWithdrawn')) return;
    const facts = PAYLOAD.safeParse(payload);
    if (!facts.success) return;
    const { channel, version = null, contentHash: hash = null } = facts.data;
    const key = keyOf(promptId, channel);
    const move = { seq, promotionId, version, contentHash: hash };
    const earlier = this.#keepsEarlier ? (this.#moves.get(key) ?? [WITHDRAWN]) : [];
    this.#moves.set(key, [...earlier, move]);
  }

  keepEarlier(): void {
    this.#keepsEarlier = true;
  }

  get count(): number {
    return this.#moves.size;
  }

  /** Where what is served is not what the log says. */
  compare(served: readonly ServedPointer[]): AuditFault[] {
    const pointers = new Map(served.map((pointer) => [keyOf(pointer.promptId, pointer.channel), pointer]));
    const faults = served.flatMap((pointer) => pointerFaults(pointer, this.#movesOf(pointer)));
    for (const [key, moves] of this.#moves) {
      if (pointers.has(key) || moves.some(({ version }) => version === null)) continue;
      const last = moves.at(-1) ?? WITHDRAWN;
      const [promptId, channel] = key.split(' ', 2);
      faults.push(
        fault(
          last.seq,
          `channel "${channel}" serves nothing of prompt ${promptId}; its last promotion was to version ${last.version}`,
        ),
      );
    }
    return faults;
  }

  #movesOf({ promptId, channel }: ServedPointer): readonly LastMove[] {
    return this.#moves.get(keyOf(promptId, channel)) ?? [WITHDRAWN];
  }
}

const WITHDRAWN: LastMove = { seq: 0, promotionId: null, version: null, contentHash: null };

function pointerFaults(pointer: ServedPointer, moves: readonly LastMove[]): AuditFault[] {
  const { channel, slug, promotionId, version } = pointer;
  const what = `channel "${channel}" serves version ${version} of ${slug}`;
  const move = moves.find((one) => one.version !== null && one.promotionId === promotionId);
  const last = moves.at(-1) ?? WITHDRAWN;
  if (move === undefined) {
    const says =
      last.version === null ? 'no promotion to it' : `version ${last.version} as its last promotion`;
    return [fault(last.seq, `${what} by a promotion that is not the last one: the log has ${says}`)];
  }
  if (move.version !== version)
    return [fault(move.seq, `${what}; its last promotion was to version ${move.version}`)];
  if (move.contentHash !== null && move.contentHash !== pointer.contentHash)
    return [fault(move.seq, `${what} with another content than was promoted: ${pointer.contentHash}`)];
  if (pointer.computedHash !== pointer.contentHash)
    return [fault(move.seq, `${what}, whose content is not that of its hash: it was edited`)];
  return [];
}

/** Everything that channels serve. @throws CliError */
export async function readServed(request: Request): Promise<ServedPointer[]> {
  const answer = z
    .object({ channels: z.array(z.object({ name: z.string() })) })
    .safeParse(await request(CHANNELS, {}));
  if (!answer.success) throw unexpected(answer.error);
  const served: ServedPointer[] = [];
  for (const { name } of answer.data.channels) {
    for (let after: string | null = null; ;) {
      const page = PAGE.safeParse(await request(SERVING, { channel: name, first: PAGE_SIZE, after }));
      if (!page.success) throw unexpected(page.error);
      const { edges, pageInfo } = page.data.channel.serving;
      served.push(...edges.map(({ node }) => pointerOf(name, node)));
      if (!pageInfo.hasNextPage || pageInfo.endCursor === null) break;
      after = pageInfo.endCursor;
    }
  }
  return served;
}

type ServedNode = z.output<typeof PAGE>['channel']['serving']['edges'][number]['node'];

function pointerOf(channel: string, { prompt, promotion, version }: ServedNode): ServedPointer {
  return {
    channel,
    promptId: innerId('Prompt', prompt.id) ?? prompt.id,
    slug: prompt.slug,
    promotionId: promotion === null ? null : innerId('Promotion', promotion.id),
    version: version.number,
    contentHash: version.contentHash,
    computedHash: contentHash(contentOf(version)),
  };
}

/** What the hash covers: declared variables, and no member that is null but config. */
function contentOf({ kind, template, messages, config, variables }: z.output<typeof VERSION>): Content {
  const declared = variables.filter((variable) => variable['declared'] === true);
  const content = {
    kind,
    ...(template === null ? {} : { template }),
    ...(messages === null ? {} : { messages: messages.map(withoutNulls) }),
    config: config ?? null,
    variables: declared.map(({ declared: _declared, ...variable }) => withoutNulls(variable)),
  };
  return content as unknown as Content;
}

function withoutNulls(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null));
}

function keyOf(promptId: string, channel: string): string {
  return `${promptId} ${channel}`;
}

function fault(seq: number, message: string): AuditFault {
  return { seq, kind: 'POINTER', message };
}

function unexpected(error: z.ZodError): CliError {
  return new CliError(
    EXIT_CODE.REFUSED,
    `the server's channels have a form that this command does not know: ${z.prettifyError(error)}`,
  );
}
