import type { GraphQLSchema } from 'graphql';
import './actor.ts';
import './api-key.ts';
import './api-key-mutations.ts';
import './audit-checkpoint.ts';
import { builder } from './builder.ts';
import './channel.ts';
import './channel-events.ts';
import './channel-mutations.ts';
import './channel-policy.ts';
import './errors.ts';
import './event.ts';
import './import-mutation.ts';
import './lint.ts';
import './member.ts';
import './message.ts';
import './promotion.ts';
import './promotion-blocker.ts';
import './promotion-mutations.ts';
import './promotion-plan.ts';
import './promotion-request.ts';
import './promotion-request-events.ts';
import './promotion-request-mutations.ts';
import './prompt.ts';
import './prompt-history.ts';
import './prompt-mutations.ts';
import './render.ts';
import './rollout.ts';
import './scalars.ts';
import './subscriber.ts';
import './usage.ts';
import './variable.ts';
import './version.ts';
import './version-diff.ts';
import './workspace.ts';
import './workspaces.ts';

builder.queryType({
  description:
    'Everything that can be read. An unknown name is null; everything else that is wrong is an error with a code.',
  authScopes: { scope: 'registry:read' },
});
builder.mutationType({
  description: 'Everything that can be done. Each answers with its success type or a typed refusal.',
});

export function createSchema(): GraphQLSchema {
  return builder.toSchema({ sortSchema: true });
}
