import type { Consumer, UsagePoint, UsageSum } from '../db/usage-loaders.ts';
import { InvalidInput } from '../domain/errors.ts';
import { requireUsageSteps, usagePeriod, usageSince } from '../domain/usage.ts';
import { builder } from './builder.ts';

const POINTS_MAX = 5_000;
const CONSUMERS_MAX = 100;
const CONSUMERS_DEFAULT = 20;
const DAY_MS = 24 * 60 * 60 * 1_000;

const WHAT_COUNTS =
  'Counted are answers of REST delivery (200, 304 and render) and queries of this graph that are answered from memory, and versions written to open streams; other queries are not. The newest seconds may be missing: nodes store their counts every 5 s. Kept by the minute for two days, then by the hour, for 90 days in all.';
const FETCHED = {
  description:
    'How often it was given: by REST (200, 304 and render), and by queries of the graph for nothing but what is served. A whole number.',
};
const PUSHED = {
  description:
    'How often it was written to an open stream, in a live or replayed event; snapshots do not count. A whole number.',
};
const FROM = 'The beginning, down to the whole minute that it stands in; more than two days ago, the hour.';
const TO = 'The end, up to the whole minute that it stands in; after `from`.';

const UsageStep = builder.enumType('UsageStep', {
  description: 'How long one step of a usage series is; steps begin at full minutes, hours and days of UTC.',
  values: {
    MINUTE: {
      description:
        'One minute: at most 1,000 of them, 16 hours. What is older than two days stands in the first minute of its hour.',
    },
    HOUR: { description: 'One hour: at most 1,000 of them, 41 days.' },
    DAY: { description: 'One day: at most 1,000 of them; counts are kept for 90.' },
  } as const,
});

const VersionUsage = builder.objectRef<UsageSum>('VersionUsage').implement({
  description: `How often a version was used in a period. ${WHAT_COUNTS}`,
  fields: (t) => ({
    fetched: t.exposeFloat('fetched', FETCHED),
    pushed: t.exposeFloat('pushed', PUSHED),
    total: t.float({
      description: 'Fetched and pushed together. A whole number.',
      resolve: ({ fetched, pushed }) => fetched + pushed,
    }),
  }),
});

const UsagePointRef = builder.objectRef<UsagePoint>('UsagePoint').implement({
  description: 'How often one version was used in one step of a period.',
  fields: (t) => ({
    at: t.expose('at', {
      type: 'DateTime',
      description:
        'When the step begins. Of a step that reaches beyond the period, only what lies in the period is counted.',
    }),
    number: t.exposeInt('number', { description: 'The number of the version.' }),
    fetched: t.exposeFloat('fetched', FETCHED),
    pushed: t.exposeFloat('pushed', PUSHED),
  }),
});

const ConsumerRef = builder.objectRef<Consumer>('Consumer').implement({
  description: 'An actor that was given a version, on one channel or by number.',
  fields: (t) => ({
    actor: t.field({
      type: 'Actor',
      description: 'Who; two keys of one name are two consumers.',
      resolve: ({ actor }) => actor,
    }),
    channel: t.exposeString('channel', {
      nullable: true,
      description: 'The name of the channel that it got it from; null: it asked for the number.',
    }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      description: 'The last minute in which it was given the version; more than two days ago, the hour.',
    }),
    fetched: t.exposeFloat('fetched', FETCHED),
    pushed: t.exposeFloat('pushed', PUSHED),
  }),
});

builder.prismaObjectFields('PromptVersion', (t) => ({
  usage: t.field({
    type: VersionUsage,
    description: 'How often it was fetched and pushed in a period, on all channels and by number.',
    args: {
      from: t.arg({ type: 'DateTime', required: true, description: FROM }),
      to: t.arg({ type: 'DateTime', required: true, description: TO }),
    },
    resolve: ({ promptId, number }, args, { loaders }) =>
      loaders.versionUsage.load({ promptId, number, ...usagePeriod(args) }),
  }),
  consumers: t.field({
    type: [ConsumerRef],
    description:
      'Who was given this version lately, those who were last first: who still uses it. A consumer that holds it in its own memory and asks nobody is not seen; one that revalidates or listens is.',
    args: {
      since: t.arg({ type: 'DateTime', description: 'Since when; absent: the last 24 hours.' }),
      first: t.arg.int({
        defaultValue: CONSUMERS_DEFAULT,
        description: `At most so many: 0 to ${CONSUMERS_MAX}.`,
      }),
    },
    resolve: ({ promptId, number }, { since, first }, { loaders }) => {
      const limit = first ?? CONSUMERS_DEFAULT;
      if (limit < 0 || limit > CONSUMERS_MAX)
        throw new InvalidInput('first', `is ${limit}, 0 to ${CONSUMERS_MAX} are allowed`);
      const fromSeconds = usageSince(since ?? new Date(Date.now() - DAY_MS));
      return loaders.consumers.load({ promptId, number, fromSeconds, limit });
    },
  }),
}));

builder.prismaObjectField('Prompt', 'usage', (t) =>
  t.field({
    type: [UsagePointRef],
    description:
      'How often each version was fetched and pushed in each step of a period, by time and number; steps without any use are absent. At most 1,000 steps and 5,000 points.',
    args: {
      from: t.arg({ type: 'DateTime', required: true, description: FROM }),
      to: t.arg({ type: 'DateTime', required: true, description: TO }),
      step: t.arg({ type: UsageStep, defaultValue: 'HOUR', description: 'How long a step is.' }),
    },
    resolve: async ({ id: promptId }, { step, ...args }, { loaders }) => {
      const period = usagePeriod(args);
      const stepSeconds = requireUsageSteps(period, step ?? 'HOUR');
      const points = await loaders.promptUsage.load({
        promptId,
        ...period,
        stepSeconds,
        limit: POINTS_MAX + 1,
      });
      if (points.length > POINTS_MAX)
        throw new InvalidInput(
          'step',
          `gives more than ${POINTS_MAX} points: ask for longer steps or a shorter period`,
        );
      return points;
    },
  }),
);
