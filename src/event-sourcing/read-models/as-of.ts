import { Injectable } from '@nestjs/common';
import { LeaseholdError } from '../../errors/catalogue.js';
import { EventLog } from '../event-log/index.js';

/** Finds the position of the log that a moment stands for. */
@Injectable()
export class AsOf {
  constructor(private readonly log: EventLog) {}

  /** @throws LeaseholdError at_in_future, at_before_log */
  async position(moment: { readonly position: number } | { readonly time: string }): Promise<number> {
    if ('position' in moment) {
      const head = await this.log.read.head();
      if (moment.position > head) throw future(`The log is at ${head}, before ${moment.position}.`);
      if (moment.position < 1) throw before();
      return moment.position;
    }
    const position = await this.log.read.positionAt(moment.time);
    if (position === null) throw future(`${moment.time} is in the future.`);
    if (position === 0) throw before();
    return position;
  }
}

function future(detail: string): LeaseholdError {
  return new LeaseholdError('at_in_future', detail);
}

function before(): LeaseholdError {
  return new LeaseholdError('at_before_log', 'The log starts later.');
}
