import type { Actor } from '../domain/actor.ts';
import type { ActionDeps } from '../db/transaction.ts';
import { archivePrompt } from './archive-prompt.ts';
import { createApiKey } from './create-api-key.ts';
import { createChannel } from './create-channel.ts';
import { createPrompt } from './create-prompt.ts';
import { ensureWorkspace } from './ensure-workspace.ts';
import type { EnsureWorkspaceInput } from './ensure-workspace.ts';
import { editPrompt } from './edit-prompt.ts';
import { importVersions } from './import-versions.ts';
import { joinWorkspace } from './join-workspace.ts';
import { promoteVersion } from './promote-version.ts';
import { promoteVersions } from './promote-versions.ts';
import { recordRevokedKeyUse } from './record-revoked-key-use.ts';
import { refreshMember } from './refresh-member.ts';
import { restorePrompt } from './restore-prompt.ts';
import { revokeApiKey } from './revoke-api-key.ts';
import { rollbackChannel } from './rollback-channel.ts';
import { rotateApiKey } from './rotate-api-key.ts';
import { setMemberRole } from './set-member-role.ts';
import { updatePrompt } from './update-prompt.ts';
import { withdrawPrompt } from './withdraw-prompt.ts';

type Action<Input, Answer> = (deps: ActionDeps, actor: Actor, input: Input) => Promise<Answer>;

/** What can be done, bound to where it is kept. */
export type App = ReturnType<typeof createApp>;

export function createApp(deps: ActionDeps) {
  const bind =
    <Input, Answer>(action: Action<Input, Answer>) =>
    (actor: Actor, input: Input): Promise<Answer> =>
      action(deps, actor, input);
  return {
    ensureWorkspace: (input: EnsureWorkspaceInput) => ensureWorkspace(deps, input),
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
    promoteVersion: bind(promoteVersion),
    promoteVersions: bind(promoteVersions),
    rollbackChannel: bind(rollbackChannel),
    withdrawPrompt: bind(withdrawPrompt),
    importVersions: bind(importVersions),
  };
}
