import type { Database } from '../db/client.ts';
import type { HubTimes } from '../realtime/hub-deps.ts';
import type { CheckpointContext } from '../schema/context.ts';
import { createSchema } from '../schema/schema.ts';
import { createAuditExport } from './audit-export.ts';
import type { AuditTimes } from './audit-export.ts';
import { createChannelAnswer } from './channel-answer.ts';
import type { Config } from './config.ts';
import { Delivery } from './delivery.ts';
import { DocumentRules } from './document-rules.ts';
import type { DoorTimes } from './door-times.ts';
import { createGraphiql } from './graphiql.ts';
import { createGraphqlHandler } from './graphql.ts';
import { createKnownChannels } from './known-channels.ts';
import type { Log } from './log.ts';
import type { Node } from './node.ts';
import { Operations } from './operations.ts';
import type { NewApp } from './own-writes.ts';
import { GRAPHIQL_ASSETS_PATH, GRAPHQL_PATH } from './paths.ts';
import { createContextFactory } from './request-context.ts';
import { createRolloutWait } from './rollout-wait.ts';
import type { StreamTimes } from './streams.ts';
import { Subscribe } from './subscribe.ts';

const GRAPHIQL = { endpoint: GRAPHQL_PATH, assetsPath: GRAPHIQL_ASSETS_PATH, title: 'PromptForge' };

/** What the doors open to. */
export interface Inside {
  readonly node: Node;
  readonly newApp: NewApp;
  readonly database: Database;
  readonly checkpoints: CheckpointContext;
  readonly times: HubTimes & StreamTimes & DoorTimes & AuditTimes;
  readonly homeWorkspaceId: string;
}

/** What answers: the graph, by every way that leads to it, and the paths beside it. */
export function createAnswers(
  { graphql: switches }: Pick<Config, 'graphql'>,
  { node: { hub, streams, feed, snapshot, usage }, newApp, database: { reader }, checkpoints, times }: Inside,
  log: Log,
) {
  const { operationMs } = times;
  const { reach } = feed;
  const schema = createSchema();
  const channels = createKnownChannels(reader);
  const waitForRollout = createRolloutWait({ reader, isStopping: () => streams.refusal() === 'DRAINING' });
  const contextOf = createContextFactory({
    app: newApp(),
    reader,
    hub,
    channels,
    checkpoints,
    waitForRollout,
    log,
  });
  const rules = new DocumentRules(schema, switches);
  const operations = new Operations(schema, rules);
  const subscribe = new Subscribe({ schema, rules, operationMs, contextOf, log });
  return {
    schema,
    channels,
    newApp,
    contextOf,
    operations,
    subscribe,
    reach,
    feedStatus: () => feed.status(),
    graphql: createGraphqlHandler({ schema, rules, operationMs, contextOf, newApp, reach, log }),
    graphiql: switches.graphiql ? createGraphiql(GRAPHIQL) : null,
    delivery: new Delivery({ snapshot, usage, isStale: () => !feed.isReachable() }),
    channelAnswer: createChannelAnswer({
      hub,
      reader,
      channels,
      isStale: () => !feed.isReachable(),
      stalledMs: times.stalledMs,
    }),
    auditExport: createAuditExport(reader, times),
    sse: { hub, streams, times, operations, subscribe, reader, channels },
  };
}
