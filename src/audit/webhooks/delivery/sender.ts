import http from 'node:http';
import https from 'node:https';
import { AddressRefusedError, checkedLookup } from '../../../platform/addresses/checked-lookup.js';
import { whyNotPublic } from '../../../platform/addresses/public-address.js';
import { failureText } from '../../../domain/driver-contract/failure-text.js';
import { literalAddress } from '../addresses.js';
import { retryAfter } from './retry-after.js';

/** What a request came to. `status` is null where there was no answer. */
export interface SendResult {
  readonly ok: boolean;
  readonly status: number | null;
  /** Why it did not succeed, in a few words of this service's own: nothing of an answer's body is kept. */
  readonly failure: string | null;
  /** How long it asks to be left alone, in milliseconds. */
  readonly retryAfterMs: number | null;
}

export interface Message {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What of an answer counts. */
type Answer = Pick<SendResult, 'retryAfterMs'> & { readonly status: number };

/** An answer's body says nothing to us; a longer one costs its connection. */
const MAX_BODY_BYTES = 16_384;
const IDLE_MS = 30_000;

/**
 * Sends signed messages. A connection goes to an address that was checked when it was opened, and is used again; a
 * redirect is never followed.
 */
export class Sender {
  private readonly agents: { readonly http: http.Agent; readonly https: https.Agent };
  private readonly lookup = {};

  /** @param privateAddresses whether addresses that are not public may be sent to */
  constructor(
    private readonly privateAddresses: boolean,
    private readonly timeoutMs: number,
  ) {
    const options = { keepAlive: true, maxFreeSockets: 64, timeout: IDLE_MS };
    this.agents = { http: new http.Agent(options), https: new https.Agent(options) };
    if (!privateAddresses) this.lookup = { lookup: checkedLookup(whyNotPublic) };
  }

  /** Never rejects, but where `stopping` is aborted meanwhile: then nobody knows what the receiver has got. */
  async send(message: Message, stopping: AbortSignal): Promise<SendResult> {
    // Not `AbortSignal.any`: what hangs on a signal that outlives all requests would stay there.
    const ending = new AbortController();
    const end = (): void => ending.abort();
    stopping.addEventListener('abort', end);
    const timer = setTimeout(end, this.timeoutMs);
    try {
      const url = new URL(message.url);
      const address = literalAddress(url);
      const why = address === null || this.privateAddresses ? null : whyNotPublic(address);
      if (why !== null) throw new AddressRefusedError(`The address is refused: ${why}`);
      return resultOf(await this.request(url, message, ending.signal));
    } catch (error) {
      stopping.throwIfAborted();
      const isLate = ending.signal.aborted;
      const text = isLate ? `No answer within ${this.timeoutMs} ms` : failureText(error);
      return { ok: false, status: null, failure: text, retryAfterMs: null };
    } finally {
      clearTimeout(timer);
      stopping.removeEventListener('abort', end);
    }
  }

  close(): void {
    this.agents.http.destroy();
    this.agents.https.destroy();
  }

  private async request(url: URL, message: Message, signal: AbortSignal): Promise<Answer> {
    const isTls = url.protocol === 'https:';
    const agent = isTls ? this.agents.https : this.agents.http;
    const { headers, body } = message;
    for (;;) {
      const request = (isTls ? https : http).request(url, { method: 'POST', headers, agent, signal, ...this.lookup });
      try {
        return await answerTo(request, body);
      } catch (error) {
        // The receiver has closed a kept connection just when it was used again: nothing has been heard of it.
        if (!(request.reusedSocket && codeOf(error) === 'ECONNRESET') || signal.aborted) throw error;
      }
    }
  }
}

/** What was answered counts, however the rest of the answer goes. */
function answerTo(request: http.ClientRequest, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request.on('error', reject).on('response', (response) => {
      const { statusCode: status = 0, headers } = response;
      const retryAfterMs = retryAfter(status, headers['retry-after'], headers.date);
      const answered = (): void => resolve({ status, retryAfterMs });
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_BODY_BYTES) response.destroy();
      });
      response.on('error', answered).on('close', answered);
      request.off('error', reject).on('error', answered);
    });
    request.end(body);
  });
}

function resultOf({ status, retryAfterMs }: Answer): SendResult {
  if (status >= 200 && status < 300) return { ok: true, status, failure: null, retryAfterMs };
  const isRedirect = status >= 300 && status < 400;
  return {
    ok: false,
    status,
    retryAfterMs,
    failure: isRedirect ? 'It redirected; redirects are refused' : `It answered ${status}`,
  };
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
