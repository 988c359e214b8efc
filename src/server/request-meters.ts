/** Upper bounds, in seconds. */
const BUCKETS_S = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const REQUESTS = 'promptforge_http_requests_total';
const SECONDS = 'promptforge_http_request_duration_seconds';

interface Tally {
  readonly byStatus: Map<number, number>;
  /** Not cumulative; the last one is of what is above all bounds. */
  readonly buckets: number[];
  sumS: number;
  count: number;
}

export interface RequestMeters {
  /** One answered request; `route` is a fixed name, never a path. */
  observe(route: string, status: number, seconds: number): void;
  /** In the text format of Prometheus. */
  text(): string;
}

/**
 * Requests by route and status, and how long they took, in plain numbers: prom-client makes a name of its labels for every observation,
 * which costs a hot read a tenth of its time. What they are called is made of them when somebody asks.
 */
export function createRequestMeters(): RequestMeters {
  const tallies = new Map<string, Tally>();

  function begin(route: string): Tally {
    const tally = { byStatus: new Map(), buckets: [...BUCKETS_S, Infinity].map(() => 0), sumS: 0, count: 0 };
    tallies.set(route, tally);
    return tally;
  }

  return {
    observe: (route, status, seconds) => {
      const tally = tallies.get(route) ?? begin(route);
      const bucket = bucketOf(seconds);
      tally.byStatus.set(status, (tally.byStatus.get(status) ?? 0) + 1);
      tally.buckets[bucket] = (tally.buckets[bucket] ?? 0) + 1;
      tally.sumS += seconds;
      tally.count += 1;
    },
    text: () =>
      [
        `# HELP ${REQUESTS} Answered HTTP requests`,
        `# TYPE ${REQUESTS} counter`,
        ...[...tallies].flatMap(requestLines),
        '',
        `# HELP ${SECONDS} Time from the request head to the end of the answer`,
        `# TYPE ${SECONDS} histogram`,
        ...[...tallies].flatMap(secondsLines),
        '',
      ].join('\n'),
  };
}

function bucketOf(seconds: number): number {
  let bucket = 0;
  for (const bound of BUCKETS_S) {
    if (seconds <= bound) break;
    bucket += 1;
  }
  return bucket;
}

function requestLines([route, { byStatus }]: [string, Tally]): string[] {
  return [...byStatus].map(([status, count]) => `${REQUESTS}{route="${route}",status="${status}"} ${count}`);
}

function secondsLines([route, { buckets, sumS, count }]: [string, Tally]): string[] {
  let upTo = 0;
  const lines = [...BUCKETS_S, '+Inf'].map((bound, bucket) => {
    upTo += buckets[bucket] ?? 0;
    return `${SECONDS}_bucket{le="${bound}",route="${route}"} ${upTo}`;
  });
  return [
    ...lines,
    `${SECONDS}_sum{route="${route}"} ${sumS}`,
    `${SECONDS}_count{route="${route}"} ${count}`,
  ];
}
