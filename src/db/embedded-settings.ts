import type { Endpoint } from './embedded-endpoint.ts';

const defaults: Readonly<Record<string, string>> = {
  shared_buffers: '128MB',
  max_connections: '60',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Short statements only; and containers give 64 MB of shared memory, which parallel workers can exhaust.
  max_parallel_workers: '0',
  max_wal_size: '512MB',
  log_checkpoints: 'off',
};

/** The arguments of `postgres`. What keeps the data safe and private comes last, because the last one counts. */
export function postgresArguments(options: {
  readonly clusterDirectory: string;
  readonly endpoint: Endpoint;
  readonly starter: string;
  readonly settings: Readonly<Record<string, string>>;
}): readonly string[] {
  const { endpoint } = options;
  const overSocket = endpoint.password === undefined;
  const settings = {
    ...defaults,
    ...options.settings,
    fsync: 'on',
    full_page_writes: 'on',
    port: String(endpoint.port),
    listen_addresses: overSocket ? '' : endpoint.host,
    unix_socket_directories: overSocket ? endpoint.host : '',
    unix_socket_permissions: '0700',
    cluster_name: options.starter,
    // The log goes to a file that is ours; a collector would be one more process that can outlive us.
    logging_collector: 'off',
    log_destination: 'stderr',
  };
  return [
    '-D',
    options.clusterDirectory,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
}
