import type { Queryable } from './log-reader.js';

/**
 * Postgres's time, which the log's events are recorded with: deadlines that count from those are judged by it alone, however
 * wrong the clock of a process is. It is kept in step by its distance from the process's monotonic clock.
 */
export class Clock {
  private ahead = 0;

  private constructor(private readonly postgres: Queryable) {}

  static async of(postgres: Queryable): Promise<Clock> {
    const clock = new Clock(postgres);
    await clock.synchronize();
    return clock;
  }

  /** ISO 8601. Never later than Postgres's own time: nothing expires too early. */
  now(): string {
    return this.date().toISOString();
  }

  date(): Date {
    return new Date(performance.now() + this.ahead);
  }

  /** Asks Postgres. To be called about once a second, for either clock may be set at any time. */
  async synchronize(): Promise<void> {
    // A number, for how times are printed is a setting.
    const { rows } = await this.postgres.query<{ ms: number }>(
      'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
    );
    const [answer] = rows;
    if (answer) this.ahead = answer.ms - performance.now();
  }
}
