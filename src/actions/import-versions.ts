import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { InvalidInput } from '../domain/errors.ts';
import type { NewEvent } from '../domain/event.ts';
import { requireSlug } from '../domain/prompt.ts';
import {
  contentHash,
  KindMismatch,
  parseContent,
  requireCommittedAt,
  requireVersionMessage,
} from '../domain/version.ts';
import type { Content, ContentInput, PromptKind } from '../domain/version.ts';
import { knownVersions } from './import-known.ts';
import type { KnownVersions } from './import-known.ts';
import { isUniqueViolation } from '../db/database-errors.ts';
import { lockPrompts } from '../db/locks.ts';
import { saveVersions } from '../db/save-versions.ts';
import type { Save } from '../db/save-versions.ts';
import { inTransaction } from '../db/transaction.ts';
import type { ActionDeps, Tx } from '../db/transaction.ts';

const VERSIONS_MAX = 100;

export interface ImportVersionsInput {
  readonly versions: readonly {
    readonly slug: string;
    readonly committedAt: Date;
    readonly message?: string | null | undefined;
    readonly content: ContentInput;
  }[];
}

export interface ImportReport {
  readonly created: number;
  readonly skipped: number;
  /** Of every version of the input, in its order: the created ones and those that were known. */
  readonly versionIds: readonly string[];
}

interface Imported {
  readonly index: number;
  readonly slug: string;
  readonly committedAt: Date;
  readonly message: string | null;
  readonly content: Content;
}

/** A prompt as the import goes on: what exists, or what this call has added so far. */
interface Growing {
  readonly id: string;
  readonly slug: string;
  readonly kind: PromptKind;
  readonly createdAt: Date;
  readonly existed: boolean;
  readonly archived: boolean;
  readonly known: KnownVersions;
  newest: { id: string; number: number; createdAt: Date } | null;
  lastOrdinal: number;
}

/**
 * Takes in history from elsewhere with its own dates, oldest first within a prompt, all or nothing. A version is known by slug and
 * committedAt, one that was saved here by slug, content and the date that an export gives it: a repeated import adds nothing, nor does an
 * export of this very server. Unknown prompts are created.
 * @throws InvalidInput with the place as `versions[i]...`, KindMismatch, Forbidden, Unavailable
 */
export async function importVersions(
  deps: ActionDeps,
  actor: Actor,
  input: ImportVersionsInput,
): Promise<ImportReport> {
  requireCan(actor, 'history:import');
  const imported = parse(input, deps.clock());
  return inTransaction(
    deps,
    actor,
    async (tx) => {
      const prompts = await loadPrompts(deps, tx, actor, imported);
      const saves: Save[] = [];
      const versionIds = imported.map((version) => place(deps, prompts, version, saves));
      const answer = { created: saves.length, skipped: imported.length - saves.length, versionIds };
      return { answer, events: await write(deps, tx, actor, prompts, saves) };
    },
    isUniqueViolation,
  );
}

function parse(input: ImportVersionsInput, now: Date): Imported[] {
  const { versions } = input;
  if (versions.length === 0 || versions.length > VERSIONS_MAX) {
    throw new InvalidInput('versions', `has ${versions.length} versions, 1 to ${VERSIONS_MAX} are allowed`);
  }
  return versions.map((version, index) => ({
    index,
    slug: requireSlug(`versions[${index}].slug`, version.slug),
    committedAt: requireCommittedAt(`versions[${index}].committedAt`, version.committedAt, now),
    message: requireVersionMessage(`versions[${index}].message`, version.message),
    content: parseContent(`versions[${index}].content`, version.content),
  }));
}

async function loadPrompts(
  deps: ActionDeps,
  tx: Tx,
  actor: Actor,
  imported: readonly Imported[],
): Promise<Map<string, Growing>> {
  const { workspaceId } = actor;
  const firsts = new Map(imported.toReversed().map((version) => [version.slug, version]));
  const locked = await lockPrompts(tx, workspaceId, [...firsts.keys()]);
  const promptIds = [...locked.values()].map((prompt) => prompt.id);
  const dates = imported.map((version) => version.committedAt);
  const known = await knownVersions(tx, workspaceId, { promptIds, dates });
  const newest = await tx.prompt.findMany({
    where: { workspaceId, id: { in: promptIds } },
    select: { id: true, createdAt: true, latest: { select: { id: true, number: true, createdAt: true } } },
  });
  return new Map(
    [...firsts].map(([slug, first]): [string, Growing] => {
      const prompt = locked.get(slug);
      if (prompt === undefined) return [slug, newPrompt(deps.newId(), first)];
      const row = newest.find((candidate) => candidate.id === prompt.id);
      return [
        slug,
        {
          ...prompt,
          createdAt: row?.createdAt ?? first.committedAt,
          existed: true,
          known: known.get(prompt.id) ?? new Map(),
          newest: row?.latest ?? null,
        },
      ];
    }),
  );
}

function newPrompt(id: string, { slug, content, committedAt }: Imported): Growing {
  return {
    id,
    slug,
    kind: content.kind,
    createdAt: committedAt,
    existed: false,
    archived: false,
    known: new Map(),
    newest: null,
    lastOrdinal: 0,
  };
}

/** Decides what becomes of one version: known, or the next number of its prompt. @returns its id. */
function place(
  deps: ActionDeps,
  prompts: ReadonlyMap<string, Growing>,
  version: Imported,
  saves: Save[],
): string {
  const { index, slug, content, committedAt, message } = version;
  const prompt = prompts.get(slug);
  if (prompt === undefined) throw new Error(`${slug} was not loaded`);
  const known = prompt.known.get(Number(committedAt));
  if (known?.contentHash === contentHash(content)) return known.id;
  // Of one that was saved here the date is only when that happened: something else may have been made elsewhere at the same moment.
  if (known?.isImported === true) {
    throw new InvalidInput(
      `versions[${index}].committedAt`,
      `${slug} has another content of this very time: give one of them another`,
    );
  }
  if (prompt.archived)
    throw new InvalidInput(`versions[${index}].slug`, `${slug} is archived: restore it first`);
  if (prompt.kind !== content.kind) {
    throw new KindMismatch(
      `versions[${index}]: ${slug} is a ${prompt.kind} prompt and the content is ${content.kind}`,
    );
  }
  const previous = prompt.newest;
  if (previous !== null && committedAt < previous.createdAt) {
    throw new InvalidInput(
      `versions[${index}].committedAt`,
      `is before version ${previous.number} of ${slug} (${previous.createdAt.toISOString()}): versions are imported oldest first`,
    );
  }
  const versionId = deps.newId();
  const number = (previous?.number ?? 0) + 1;
  prompt.lastOrdinal += 1;
  prompt.newest = { id: versionId, number, createdAt: committedAt };
  prompt.known.set(Number(committedAt), {
    id: versionId,
    contentHash: contentHash(content),
    isImported: true,
  });
  saves.push({
    prompt,
    versionId,
    promotionId: deps.newId(),
    number,
    ordinal: prompt.lastOrdinal,
    previous,
    content,
    message,
    createdAt: committedAt,
    committedAt,
  });
  return versionId;
}

async function write(
  deps: ActionDeps,
  tx: Tx,
  actor: Actor,
  prompts: ReadonlyMap<string, Growing>,
  saves: readonly Save[],
): Promise<NewEvent[]> {
  if (saves.length === 0) return [];
  const now = deps.clock();
  const fresh = [...prompts.values()].filter((prompt) => !prompt.existed);
  // In the order of slugs: two imports of the same new prompts must not wait for each other crosswise.
  const rows = fresh.toSorted((a, b) => (a.slug < b.slug ? -1 : 1));
  await tx.prompt.createMany({
    data: rows.map(({ id, slug, kind, createdAt }) => ({
      workspaceId: actor.workspaceId,
      id,
      slug,
      kind,
      tags: [],
      latestNumber: 1,
      createdAt,
      updatedAt: now,
    })),
  });
  const created = fresh.map(({ id, slug, kind }): NewEvent => ({
    payload: { type: 'PromptCreated', slug, kind },
    promptId: id,
  }));
  return [...created, ...(await saveVersions(tx, actor, now, saves))];
}
