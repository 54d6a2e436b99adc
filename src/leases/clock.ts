import { Injectable } from '@nestjs/common';
/** The time of decisions; a part of its own so that tests of deadlines need not wait. */
@Injectable()
export class Clock {
  /** ISO 8601. */
  now(): string {
    return new Date().toISOString();
  }
}
