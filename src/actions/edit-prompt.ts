import { requireCan } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { requireFindableSlug } from '../domain/prompt.ts';
import {
  contentHash,
  EditConflict,
  KindMismatch,
  parseContent,
  requireVersionMessage,
} from '../domain/version.ts';
import type { Content, ContentInput } from '../domain/version.ts';
import { inIdempotentTransaction } from '../db/idempotency.ts';
import { lockPrompt } from '../db/locks.ts';
import { requireActive } from '../db/promotion-facts.ts';
import { saveVersions } from '../db/save-versions.ts';
import type { ActionDeps, Outcome, Tx } from '../db/transaction.ts';

export interface EditPromptInput {
  readonly slug: string;
  readonly content: ContentInput;
  readonly message?: string | null | undefined;
  readonly baseVersion?: number | null | undefined;
  readonly onlyIfChanged?: boolean | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

/**
 * Saves a new version; `latest` follows.
 * @returns the version's id; with onlyIfChanged and identical content the newest version's.
 * @throws NotFound, EditConflict, PromptArchived, KindMismatch, InvalidInput, IdempotencyConflict, Forbidden, Unavailable
 */
export async function editPrompt(deps: ActionDeps, actor: Actor, input: EditPromptInput): Promise<string> {
  requireCan(actor, 'prompts:write', { slug: input.slug });
  requireFindableSlug(input.slug);
  const content = parseContent('content', input.content);
  const message = requireVersionMessage('message', input.message);
  return inIdempotentTransaction(deps, actor, { mutation: 'editPrompt', input }, (tx) =>
    appendEdit(deps, tx, actor, { input, content, message }),
  );
}

interface Edit {
  readonly input: EditPromptInput;
  readonly content: Content;
  readonly message: string | null;
}

async function appendEdit(
  deps: ActionDeps,
  tx: Tx,
  actor: Actor,
  { input, content, message }: Edit,
): Promise<Outcome<string>> {
  const { workspaceId } = actor;
  const prompt = requireActive(await lockPrompt(tx, workspaceId, input.slug), input.slug);
  if (prompt.kind !== content.kind) {
    throw new KindMismatch(
      `${input.slug} is a ${prompt.kind} prompt and the content is ${content.kind}: the kind is fixed at creation`,
    );
  }
  const newest = await tx.promptVersion.findUniqueOrThrow({
    where: { workspaceId_promptId_number: { workspaceId, promptId: prompt.id, number: prompt.latestNumber } },
    select: { id: true, number: true, contentHash: true },
  });
  const { baseVersion } = input;
  if (typeof baseVersion === 'number' && baseVersion !== newest.number)
    throw new EditConflict(baseVersion, newest);
  if (input.onlyIfChanged === true && newest.contentHash === contentHash(content))
    return { answer: newest.id, events: [] };
  const now = deps.clock();
  const versionId = deps.newId();
  const events = await saveVersions(tx, actor, now, [
    {
      prompt,
      versionId,
      promotionId: deps.newId(),
      number: newest.number + 1,
      ordinal: prompt.lastOrdinal + 1,
      previous: newest,
      content,
      message,
      createdAt: now,
      committedAt: null,
    },
  ]);
  return { answer: versionId, events };
}
