import pg from 'pg';

/**
 * What the service relies on in every session. Times are printed as ISO 8601 in UTC, arrays and bytes as they are parsed
 * here, and a statement sees what was committed before it, which the order of positions rests on.
 */
const RELIED_ON: Readonly<Record<string, string>> = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  default_transaction_isolation: 'read committed',
};

export interface PostgresConfig extends pg.ClientConfig {
  /** Settings of this session, besides those that every session has. */
  readonly settings?: Readonly<Record<string, string>>;
  /** `options` of DATABASE_URL, sent as they are. What the service relies on is set after them. */
  readonly startOptions?: string;
  /** Called with each connection, settled, before anybody has it; where it throws, nobody gets it. */
  onSettled?: (client: pg.ClientBase) => Promise<void>;
}

/** How pg says that a query took longer than `query_timeout`. */
const TIMED_OUT = 'Query read timeout';

/** Bounds the settling of a session whose config names no time. */
const SETTLE_MS = 10_000;

/**
 * A connection whose session is as the service relies on it, whatever the URL, the role, the database or a pooler sets.
 * The settings are set and read back before anybody gets the connection: a start parameter can be overridden, or dropped
 * by a pooler, without a word. Every connection of the service is one of these, those of libraries too.
 */
export class PostgresClient extends pg.Client {
  /** Whether the session belongs to another program, a pooler, that passes it on. */
  isPooled = false;

  constructor(private readonly config: PostgresConfig = {}) {
    // A pool hides the password from whoever lists its config.
    super({ ...config, password: config.password, options: config.startOptions });
    // Who has the connection learns from the next query that it has gone; without a listener Node would end the process.
    this.on('error', () => undefined);
    this.endWhereQueriesTimeOut();
  }

  override connect(): Promise<pg.Client>;
  override connect(callback: ((error: Error) => void) | ((error: null, client: pg.Client) => void)): void;
  override connect(callback?: (error: never, client: pg.Client) => void): Promise<pg.Client> | void {
    const connected = this.connectAndSettle();
    if (callback === undefined) return connected;
    connected.then(
      () => callback(null as never, this),
      (error: unknown) => callback(error as never, this),
    );
  }

  /** What was asked may still be under way: whoever came next would wait behind it, for as long as the database is away. */
  private endWhereQueriesTimeOut(): void {
    const query = this.query.bind(this) as (...asked: unknown[]) => unknown;
    this.query = (...asked: unknown[]): never => {
      const answer = query(...asked);
      if (answer instanceof Promise) {
        answer.catch((error: unknown) => {
          if (error instanceof Error && error.message === TIMED_OUT) this.connection.stream.destroy();
        });
      }
      return answer as never;
    };
  }

  private async connectAndSettle(): Promise<pg.Client> {
    await super.connect();
    try {
      await this.settle();
      await this.config.onSettled?.(this);
    } catch (error) {
      void this.end().catch(() => undefined);
      throw error;
    }
    return this;
  }

  private async settle(): Promise<void> {
    const reliedOn = Object.entries(RELIED_ON);
    const settings = [...reliedOn, ...Object.entries(this.config.settings ?? {})];
    const each = settings.map((_, index) => `set_config($${2 * index + 1}, $${2 * index + 2}, false)`);
    const query = {
      text: `SELECT pg_backend_pid(), ${each.join(', ')}`,
      values: settings.flat(),
      rowMode: 'array' as const,
      query_timeout: this.config.connectionTimeoutMillis ?? SETTLE_MS,
    };
    const { rows } = await this.query<[number, ...string[]]>(query);
    const [pid, ...values] = rows[0] ?? [0];
    // The others, which follow, may be printed otherwise than they are written: "8000" as "8s".
    const refused = reliedOn.flatMap(([name, value], index) => (values[index] === value ? [] : [name]));
    if (refused.length > 0) throw new Error(`The database session does not take the settings ${refused.join(', ')}.`);
    this.isPooled = pid !== Reflect.get(this, 'processID');
  }
}

/** A statement that takes as long as it takes, whatever bounds the connection's others. */
export function unbounded(text: string): pg.QueryConfig {
  const longest = { text, query_timeout: 2 ** 31 - 1 };
  return longest;
}

export function createPool(config: PostgresConfig & pg.PoolConfig): pg.Pool {
  // A connection that breaks while it is idle is dropped by the pool; without a listener Node would end the process.
  return new pg.Pool({ ...config, Client: PostgresClient }).on('error', () => undefined);
}
