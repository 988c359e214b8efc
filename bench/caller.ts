import { Agent, request } from 'node:http';
import { quantile } from './figures.ts';

/** Milliseconds, one for each call. */
export type Latencies = number[];

export interface Caller {
  /** One call and its whole answer; throws when it is not 200 or has errors. @returns how long it took. */
  get(path: string): Promise<number>;
  graphql(query: string, variables?: object): Promise<number>;
  close(): void;
}

/** Calls over kept connections, as many as there are calls at the same time. */
export function openCaller(port: number, key: string): Caller {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const call = (method: string, path: string, body?: string) =>
    new Promise<number>((resolve, reject) => {
      const began = performance.now();
      const headers = { authorization: `Bearer ${key}`, accept: 'application/json' };
      const sent = request(
        {
          port,
          host: '127.0.0.1',
          agent,
          method,
          path,
          headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => (text += chunk));
          response.on('end', () => {
            const took = performance.now() - began;
            if (response.statusCode === 200 && !/"errors":|"message":/.test(text)) resolve(took);
            else reject(new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 300)}`));
          });
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  return {
    get: (path) => call('GET', path),
    graphql: (query, variables = {}) => call('POST', '/graphql', JSON.stringify({ query, variables })),
    close: () => agent.destroy(),
  };
}

export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

export function percentiles(latencies: Latencies): Percentiles {
  return {
    p50: quantile(latencies, 0.5),
    p90: quantile(latencies, 0.9),
    p99: quantile(latencies, 0.99),
  };
}

export const PROMOTE = `mutation ($slug: String!, $version: Int!) {
  promoteVersion(input: { slug: $slug, version: $version }) { ... on Promotion { id cursor } ... on Error { message } }
}`;
