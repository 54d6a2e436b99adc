/** One environment variable, as docs/reference/settings.md shows it. */
export interface Setting {
  readonly meaning: string;
  /** The value that does the same as leaving it unset. */
  readonly unset?: string;
  /** What happens without it, where no value says the same. */
  readonly without?: string;
}

/**
 * Every setting that `readConfig` reads, by the heading that it has on the settings page. A test holds this list to what
 * `readConfig` reads, and each `unset` to what it returns.
 */
export const SETTINGS = {
  'HTTP server': {
    PORT: { meaning: 'Port to listen on. `0` takes any free port.', unset: '3000' },
    HOST: {
      meaning: 'Address to listen on. Beyond loopback the service starts only once a token exists.',
      unset: '127.0.0.1',
    },
    LEASEHOLD_ALLOWED_ORIGINS: {
      meaning: 'JSON array of web origins, such as `["https://console.example.org"]`, whose pages may call the API.',
      unset: '[]',
    },
    LEASEHOLD_ALLOWED_HOSTS: {
      meaning: 'JSON array of host names that requests may carry in `Host`, besides loopback names.',
      without: 'Loopback names only until the first token; any name afterwards.',
    },
    LEASEHOLD_MAX_CONNECTIONS: {
      meaning: 'Maximum number of open connections. Further ones are refused.',
      unset: '5000',
    },
    LEASEHOLD_SHUTDOWN_MS: {
      meaning: 'Time to stop after SIGTERM or Ctrl-C. Running commands may use half of it.',
      unset: '30000',
    },
  },
  'Data and database': {
    LEASEHOLD_DATA_DIR: {
      meaning: 'Data folder: the embedded Postgres, keys, sandboxes and spool files.',
      unset: '.leasehold',
    },
    DATABASE_URL: {
      meaning: 'Your own Postgres, version 15 or newer. A connection pooler must run in session mode.',
      without: 'The embedded Postgres in the data folder.',
    },
    LEASEHOLD_DATABASE_TIMEOUT_MS: {
      meaning: 'Limit for one connection attempt or one statement. Beyond it the service answers 503.',
      unset: '10000',
    },
    LEASEHOLD_DATABASE_CONNECTIONS: {
      meaning:
        'Maximum number of connections of one process, at least 22. `max_connections` of Postgres must allow all processes theirs.',
      unset: '34',
    },
  },
  'Queue and workers': {
    LEASEHOLD_ROLE: { meaning: '`api` serves HTTP, `worker` does the slow work, `all` does both.', unset: 'all' },
    REDIS_URL: { meaning: 'Redis or Valkey for the queue of slow work.', without: 'The queue is in Postgres.' },
    LEASEHOLD_QUEUE_PREFIX: {
      meaning: 'Prefix of the queue’s keys in Redis. Each database needs its own.',
      unset: 'leasehold',
    },
    LEASEHOLD_WORKER_CONCURRENCY: {
      meaning: 'Effects that one process runs at the same time. A single company gets at most half of them.',
      unset: '64',
    },
    LEASEHOLD_WORKER_LOCK_MS: {
      meaning:
        'After this time without a sign of life, another process takes over the work of a process, and its commands count as lost.',
      unset: '10000',
    },
  },
  'Time limits and retries': {
    LEASEHOLD_READINESS_BUDGET_MS: {
      meaning: 'Limit for one attempt to provision, clean up or probe.',
      unset: '120000',
    },
    LEASEHOLD_EXECUTION_BUDGET_MS: {
      meaning: 'Limit for one command. A call may ask for less, not for more.',
      unset: '3600000',
    },
    LEASEHOLD_TRANSPORT_BUDGET_MS: { meaning: 'Limit for one connection or round trip to a host.', unset: '15000' },
    LEASEHOLD_PROVISIONING_RETRY_MS: {
      meaning: 'JSON array of the waits between provisioning attempts. After the last one the lease fails.',
      unset: '[500,2000,5000,10000,20000]',
    },
    LEASEHOLD_CLEANUP_RETRY_MS: {
      meaning: 'JSON array of the waits between cleanup attempts. After the last one the cleanup is `irrevocable`.',
      unset: '[1000,5000,15000,60000,300000,900000]',
    },
  },
  'Reuse and retention': {
    LEASEHOLD_REUSABLE_SECONDS: { meaning: 'How long a released sandbox waits for the next lease.', unset: '3600' },
    LEASEHOLD_RETAINED_SECONDS: { meaning: 'How long the sandbox of a failed lease is retained.', unset: '86400' },
    LEASEHOLD_KEPT_MAX: {
      meaning:
        'Maximum number of retained sandboxes of one environment, and of reusable sandboxes for the same leases.',
      unset: '5',
    },
  },
  'Commands, workspaces and sandboxes': {
    LEASEHOLD_LOCAL_EXECUTE: {
      meaning: 'Whether leases on `local` environments may run commands on the service’s machine.',
      unset: 'false',
    },
    LEASEHOLD_WORKSPACE_ROOTS: {
      meaning:
        'Folders that a `localPath` may be in: `["/srv"]` for callers that may act for every company, `{"<company id>": ["/srv/a"]}` for one company.',
      unset: '[]',
    },
    LEASEHOLD_SYNC_LIMIT_BYTES: { meaning: 'Maximum size of one sync.', unset: '10737418240' },
    LEASEHOLD_SANDBOX_MAX_MEMORY_MB: { meaning: 'Upper bound of `memoryMb` in bubblewrap configs.', unset: '1048576' },
    LEASEHOLD_SANDBOX_MAX_DISK_MB: { meaning: 'Upper bound of `diskMb` in bubblewrap configs.', unset: '1048576' },
    LEASEHOLD_SANDBOX_MAX_PROCESSES: { meaning: 'Upper bound of `processes` in bubblewrap configs.', unset: '32768' },
    LEASEHOLD_ORPHAN_SANDBOX_MS: {
      meaning:
        'How long a bubblewrap sandbox stays that no lease of the log has, such as after a restore. See [decision 32](../decisions/0032-orphaned-sandboxes.md).',
      unset: '3600000',
    },
  },
  'SSH hosts': {
    LEASEHOLD_SSH_ADDRESSES: {
      meaning:
        'JSON array of IP addresses and ranges, such as `["10.0.0.0/8"]`, that SSH may connect to besides public ones. See [SSH hosts](../guides/ssh-hosts.md#allow-private-addresses).',
      without:
        'Every address while the service listens on loopback and no token was ever created; public addresses otherwise.',
    },
    LEASEHOLD_RUNTIME_API_CANDIDATES: {
      meaning:
        'JSON array of URLs of this service. An SSH host tries them in order; the first that answers is the lease’s `runtimeApiUrl`.',
      unset: '[]',
    },
  },
  Plugins: {
    LEASEHOLD_PLUGINS: {
      meaning: 'Comma-separated package names or folders of [provider plugins](../guides/plugins.md).',
      without: 'No plugins.',
    },
    LEASEHOLD_PLUGIN_SETTLING_MS: {
      meaning:
        'How long a plugin’s provider may take to list a sandbox that it created. Lost attempts stay in doubt until then.',
      unset: '300000',
    },
  },
  'Secrets and audit': {
    LEASEHOLD_SECRETS_KEY: {
      meaning: 'Master key of secrets: 32 bytes in base64, from `openssl rand -base64 32`.',
      without: '`secrets.key` in the data folder, created once.',
    },
    LEASEHOLD_SECRETS_KEY_PREVIOUS: {
      meaning:
        'The master key before. The service seals everything under the new key after its start. See [Secrets](../guides/secrets.md#replace-the-master-key).',
      without: 'No earlier key.',
    },
    LEASEHOLD_AUDIT_KEY: {
      meaning: 'Key that signs seals: 32 bytes in base64, the same for all processes of a database.',
      without: '`audit.key` in the data folder, created once.',
    },
    LEASEHOLD_SEALS_FILE: {
      meaning: 'File that receives each seal as it is created. Keep it outside of the database’s machine.',
      without: 'No file.',
    },
    LEASEHOLD_SEAL_EVERY_MS: { meaning: 'Maximum time that an event waits for its seal.', unset: '2000' },
  },
  Webhooks: {
    LEASEHOLD_WEBHOOK_RETRY_MS: {
      meaning:
        'JSON array of the waits between delivery attempts. The last one repeats; the longest bounds a receiver’s `Retry-After`.',
      unset: '[1000,5000,30000,120000,600000,1800000,3600000]',
    },
    LEASEHOLD_WEBHOOK_PAUSE_AFTER: {
      meaning: 'Failed attempts in a row at one event after which the webhook is paused.',
      unset: '20',
    },
    LEASEHOLD_WEBHOOK_TIMEOUT_MS: { meaning: 'Limit for one delivery attempt.', unset: '10000' },
    LEASEHOLD_WEBHOOK_PRIVATE_ADDRESSES: {
      meaning: 'Whether webhooks may be sent to loopback, link-local and private addresses.',
      unset: 'false',
    },
  },
} as const satisfies Record<string, Record<string, Setting>>;
