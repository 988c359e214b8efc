import type { Actor } from '../domain/actor.ts';
import { STABLE } from '../domain/channel.ts';
import type { AttemptedMove } from '../domain/promotion-attempts.ts';
import type { ActionDeps } from '../db/transaction.ts';
import { archivePrompt } from './archive-prompt.ts';
import { cancelPromotionRequest } from './cancel-promotion-request.ts';
import { createApiKey } from './create-api-key.ts';
import { createChannel } from './create-channel.ts';
import { createPrompt } from './create-prompt.ts';
import { ensureWorkspace } from './ensure-workspace.ts';
import type { EnsureWorkspaceInput } from './ensure-workspace.ts';
import { createWorkspace } from './create-workspace.ts';
import { deleteWorkspace } from './delete-workspace.ts';
import { editPrompt } from './edit-prompt.ts';
import { importVersions } from './import-versions.ts';
import { joinWorkspace } from './join-workspace.ts';
import { promoteVersion } from './promote-version.ts';
import { promoteVersions } from './promote-versions.ts';
import { recordRevokedKeyUse } from './record-revoked-key-use.ts';
import { refreshMember } from './refresh-member.ts';
import { removeChannelPolicy } from './remove-channel-policy.ts';
import { renameWorkspace } from './rename-workspace.ts';
import { requestPromotion } from './request-promotion.ts';
import { restorePrompt } from './restore-prompt.ts';
import { revokeApiKey } from './revoke-api-key.ts';
import { reviewPromotion } from './review-promotion.ts';
import { rollbackChannel } from './rollback-channel.ts';
import { rotateApiKey } from './rotate-api-key.ts';
import { setChannelPolicy } from './set-channel-policy.ts';
import { setMemberRole } from './set-member-role.ts';
import { signCheckpoint } from './sign-checkpoint.ts';
import { sweepPromotionRequests } from './sweep-promotion-requests.ts';
import { updatePrompt } from './update-prompt.ts';
import { withdrawPrompt } from './withdraw-prompt.ts';

/** What of an attempt is told, should it be refused. */
function move(
  action: AttemptedMove['action'],
  { slug, channel }: { readonly slug: string; readonly channel?: string | null | undefined },
): AttemptedMove {
  return { action, slug, channel: channel ?? STABLE };
}

type Action<Input, Answer> = (deps: ActionDeps, actor: Actor, input: Input) => Promise<Answer>;

/** What can be done, bound to where it is kept. */
export type App = ReturnType<typeof createApp>;

export function createApp(deps: ActionDeps) {
  /** As bind, for what moves a channel: refused attempts are told. */
  const bindMove =
    <Input, Answer>(action: Action<Input, Answer>, movesOf: (input: Input) => AttemptedMove[]) =>
    async (actor: Actor, input: Input): Promise<Answer> => {
      try {
        return await action(deps, actor, input);
      } catch (error) {
        deps.onAttemptRefused?.(actor, movesOf(input), error);
        throw error;
      }
    };
  const bind =
    <Input, Answer>(action: Action<Input, Answer>) =>
    (actor: Actor, input: Input): Promise<Answer> =>
      action(deps, actor, input);
  return {
    ensureWorkspace: (input: EnsureWorkspaceInput) => ensureWorkspace(deps, input),
    createWorkspace: bind(createWorkspace),
    renameWorkspace: bind(renameWorkspace),
    deleteWorkspace: bind(deleteWorkspace),
    createApiKey: bind(createApiKey),
    revokeApiKey: bind(revokeApiKey),
    rotateApiKey: bind(rotateApiKey),
    recordRevokedKeyUse: bind(recordRevokedKeyUse),
    joinWorkspace: bind(joinWorkspace),
    refreshMember: bind(refreshMember),
    setMemberRole: bind(setMemberRole),
    createPrompt: bind(createPrompt),
    editPrompt: bind(editPrompt),
    updatePrompt: bind(updatePrompt),
    archivePrompt: bind(archivePrompt),
    restorePrompt: bind(restorePrompt),
    createChannel: bind(createChannel),
    setChannelPolicy: bind(setChannelPolicy),
    removeChannelPolicy: bind(removeChannelPolicy),
    requestPromotion: bind(requestPromotion),
    reviewPromotion: bind(reviewPromotion),
    cancelPromotionRequest: bind(cancelPromotionRequest),
    sweepPromotionRequests: (options?: { readonly page?: number }) => sweepPromotionRequests(deps, options),
    promoteVersion: bindMove(promoteVersion, ({ breakGlass, ...input }) => [
      { ...move(breakGlass === true ? 'breakGlass' : 'promoteVersion', input), version: input.version },
    ]),
    promoteVersions: bindMove(promoteVersions, ({ channel, items }) =>
      items.map(({ slug, version }) => ({ ...move('promoteVersions', { slug, channel }), version })),
    ),
    rollbackChannel: bindMove(rollbackChannel, (input) => [
      { ...move('rollbackChannel', input), version: input.toVersion },
    ]),
    withdrawPrompt: bindMove(withdrawPrompt, (input) => [move('withdrawPrompt', input)]),
    importVersions: bind(importVersions),
    signCheckpoint: bind(signCheckpoint),
  };
}
