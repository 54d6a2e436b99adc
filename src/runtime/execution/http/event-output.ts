import { Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { ServerResponse } from 'node:http';

/** Server-sent events (WHATWG HTML, 9.2): one name, one line of JSON. */
export function sendEvent(response: ServerResponse, event: string, data: object): boolean {
  return response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

/** Sends a stream as events as it comes; a reader that is slow slows whoever writes. Characters are never split. */
export class EventOutput extends Writable {
  private readonly decoder = new StringDecoder('utf8');

  constructor(
    private readonly response: ServerResponse,
    private readonly event: 'stdout' | 'stderr',
  ) {
    super();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.send(this.decoder.write(chunk), done);
  }

  override _final(done: () => void): void {
    this.send(this.decoder.end(), done);
  }

  private send(data: string, done: () => void): void {
    if (data === '' || this.response.destroyed || sendEvent(this.response, this.event, { data })) {
      done();
      return;
    }
    const go = (): void => {
      this.response.off('drain', go).off('close', go);
      done();
    };
    this.response.on('drain', go).on('close', go);
  }
}
