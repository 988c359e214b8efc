import type { Database } from '../db/client.ts';
import { createAnswerCache } from '../delivery/answer-cache.ts';
import type { AnswerCache } from '../delivery/answer-cache.ts';
import { createPromotedVersions } from '../delivery/promoted-versions.ts';
import type { PromotedVersions } from '../delivery/promoted-versions.ts';
import type { HubTimes } from '../realtime/hub-deps.ts';
import type { CheckpointContext } from '../schema/context.ts';
import { createAuditExport } from './audit-export.ts';
import type { AuditTimes } from './audit-export.ts';
import { createChannelAnswer } from './channel-answer.ts';
import type { Config } from './config.ts';
import { Delivery } from './delivery.ts';
import type { DoorTimes } from './door-times.ts';
import type { Graph } from './graph.ts';
import { createGraphiql } from './graphiql.ts';
import { createGraphqlHandler } from './graphql.ts';
import { createKnownChannels } from './known-channels.ts';
import type { Log } from './log.ts';
import type { Node } from './node.ts';
import type { NewApp } from './own-writes.ts';
import { GRAPHIQL_ASSETS_PATH, GRAPHQL_PATH } from './paths.ts';
import { createContextFactory } from './request-context.ts';
import { createRolloutWait } from './rollout-wait.ts';
import { SnapshotGraph } from './snapshot-graph.ts';
import { SnapshotPlans } from './snapshot-plans.ts';
import type { GraphAnswer, SnapshotGraphDeps } from './snapshot-graph.ts';
import type { StreamTimes } from './streams.ts';
import { Subscribe } from './subscribe.ts';

const GRAPHIQL = { endpoint: GRAPHQL_PATH, assetsPath: GRAPHIQL_ASSETS_PATH, title: 'PromptForge' };

/** Of answers of the graph that are kept as bytes. */
const ANSWERS_BYTES_MAX = 64 * 1024 * 1024;

/** What the doors open to. */
export interface Inside {
  readonly graph: Graph;
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
  { graph, node, newApp, database: { reader }, checkpoints, times }: Inside,
  log: Log,
) {
  const { operationMs } = times;
  const { hub, streams, feed } = node;
  const { reach } = feed;
  const { schema, rules, operations, documents } = graph;
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
  const promoted = createPromotedVersions(reader, node.snapshot);
  const plans = new SnapshotPlans();
  const subscribe = new Subscribe({ schema, rules, operationMs, contextOf, promoted, plans, log });
  const delivery = createDelivery(node);
  const answers = createAnswerCache<GraphAnswer>(node.snapshot, ANSWERS_BYTES_MAX);
  const snapshotGraph = createSnapshotGraph({ schema, operations, documents, answers, plans }, node);
  watchCaches(node.metrics, { delivery, answers, plans, promoted, operations, documents });
  return {
    ...graph,
    channels,
    newApp,
    contextOf,
    subscribe,
    reach,
    feedStatus: () => feed.status(),
    graphql: createGraphqlHandler({
      ...graph,
      operationMs,
      contextOf,
      newApp,
      reach,
      log,
    }),
    snapshotGraph,
    graphiql: switches.graphiql ? createGraphiql(GRAPHIQL) : null,
    delivery,
    channelAnswer: createChannelAnswer({
      hub,
      reader,
      channels,
      isStale: () => !feed.isReachable(),
      stalledMs: times.stalledMs,
    }),
    auditExport: createAuditExport(reader, times),
    sse: { hub, streams, times, operations, documents, subscribe, reader, promoted, channels },
  };
}

function createDelivery({ snapshot, usage, feed }: Node): Delivery {
  return new Delivery({ snapshot, usage, isStale: () => !feed.isReachable() });
}

function createSnapshotGraph(
  graph: Pick<SnapshotGraphDeps, 'schema' | 'operations' | 'documents' | 'answers' | 'plans'>,
  { snapshot, usage, feed }: Node,
): SnapshotGraph {
  return new SnapshotGraph({
    ...graph,
    snapshot,
    usage,
    isStale: () => !feed.isReachable(),
  });
}

interface Caches extends Pick<Graph, 'operations' | 'documents'> {
  readonly delivery: Delivery;
  readonly answers: AnswerCache<GraphAnswer>;
  readonly plans: SnapshotPlans;
  readonly promoted: PromotedVersions;
}

function watchCaches(
  metrics: Pick<Node['metrics'], 'watch'>,
  { delivery, answers, plans, promoted, operations, documents }: Caches,
): void {
  metrics.watch('rest_answers', () => delivery.answersBytes());
  metrics.watch('graph_answers', answers.sizeBytes);
  metrics.watch('graph_plans', () => plans.sizeBytes());
  metrics.watch('promoted_versions', () => promoted.sizeBytes());
  metrics.watch('parsed_documents', () => operations.sizeBytes());
  metrics.watch('registered_documents', () => documents.sizeBytes());
}
