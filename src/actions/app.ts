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
import { promoteVersion } from './promote-version.ts';
import { promoteVersions } from './promote-versions.ts';
import { restorePrompt } from './restore-prompt.ts';
import { revokeApiKey } from './revoke-api-key.ts';
import { rollbackChannel } from './rollback-channel.ts';
import { signCheckpoint } from './sign-checkpoint.ts';
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
    signCheckpoint: bind(signCheckpoint),
  };
}
