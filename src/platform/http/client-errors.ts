import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectionError } from 'fastify';
import { receivesArchive } from './archive-body.js';
import { problemHeaders, problemOf, type Failure } from './problem.js';
import { newRequestId } from './request-id.js';

/** How long a refused client may go on sending before its connection is cut. */
const LINGER_MS = 2_000;

const answered = new WeakSet<Socket>();
/** Whose answer was there before all of the request was. */
const answeredEarly = new WeakSet<Socket>();

/**
 * Who is refused before all of the body has come may go on sending, so that a reset does not take the answer away; but not
 * for ever. Node looks only once whether a request takes too long, and an archive may.
 */
export function cutWhenIncomplete(request: IncomingMessage, afterMs: number): void {
  const { socket } = request;
  if (request.complete || socket.destroyed) return;
  answeredEarly.add(socket);
  // Not the socket: the one of an injected request cannot be destroyed.
  const cut = setTimeout(() => request.destroy(), afterMs).unref();
  request.once('close', () => {
    clearTimeout(cut);
    answeredEarly.delete(socket);
  });
}

/** Answers bytes that Node could not read as a request: there is no request then, only the socket. */
export function answerClientError(error: ConnectionError, socket: Socket): void {
  if (answered.has(socket)) return;
  // Its reader has limits of its own.
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && receivesArchive(socket)) return;
  if (error.code === 'ECONNRESET' || !socket.writable || answeredEarly.has(socket) || hasAnswerUnderWay(socket)) {
    socket.destroy();
    return;
  }
  answered.add(socket);
  socket.on('error', () => socket.destroy());
  socket.end(rawAnswer(failureOfClient(error)));
  // Closing with unread bytes resets the connection, and the client would lose the answer: read on for a moment.
  socket.resume();
  const cut = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('end', () => socket.destroy()).once('close', () => clearTimeout(cut));
}

function failureOfClient(error: ConnectionError): Failure {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return {
        code: 'headers_too_large',
        detail: 'The request line and the headers are larger than 16 KiB.',
        facts: {},
      };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { code: 'request_timeout', detail: 'The request was not complete in time.', facts: {} };
    default:
      return { code: 'malformed_request', detail: 'The request is not HTTP/1.1.', facts: {} };
  }
}

function rawAnswer(failure: Failure): string {
  const problem = problemOf(failure, newRequestId(), '/');
  const body = JSON.stringify(problem);
  const headers = {
    ...problemHeaders(problem),
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`, ...lines, '', body].join('\r\n');
}

/** Node keeps the response that a socket is busy with here; text put into the middle of one would be read as its body. */
function hasAnswerUnderWay(socket: Socket): boolean {
  const response: unknown = '_httpMessage' in socket ? socket._httpMessage : null;
  return (
    typeof response === 'object' && response !== null && 'headersSent' in response && response.headersSent === true
  );
}
