import { connect } from 'node:net';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ErrorCode } from '../../../src/errors/catalogue.js';
import { expectProblem, expectRawProblem, problemOf, sendRaw, serveThings, type ServedApp } from './support.js';

const JSON_POST = 'POST /api/things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';
const MIB = 1024 * 1024;

describe('on the wire', () => {
  let served: ServedApp;
  beforeAll(async () => {
    served = await serveThings();
  });
  afterAll(() => served?.app.close());

  const refused = async (code: ErrorCode, ...chunks: (string | Buffer)[]) =>
    expectRawProblem(await sendRaw(served.port, chunks), code);

  test('a body of 20 MB, by a client that writes it all before it reads', async () => {
    await refused('payload_too_large', `${JSON_POST}Content-Length: ${20 * MIB}\r\n\r\n`, Buffer.alloc(20 * MIB, ' '));
  });

  test('a body of 20 MB in chunks', async () => {
    const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(MIB, ' '), Buffer.from('\r\n')]);
    const chunks = [
      `${JSON_POST}Transfer-Encoding: chunked\r\n\r\n`,
      ...Array.from({ length: 20 }, () => chunk),
      '0\r\n\r\n',
    ];
    await refused('payload_too_large', ...chunks);
  });

  test('an endless body', async () => {
    function* endless() {
      yield `${JSON_POST}Transfer-Encoding: chunked\r\n\r\n`;
      for (;;) yield Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(0x10000, ' '), Buffer.from('\r\n')]);
    }
    expectRawProblem(await sendRaw(served.port, endless()), 'payload_too_large');
  });

  test('an ordinary client gets the answer to a body of 20 MB, and its connection serves the next request', async () => {
    const headers = { 'content-type': 'application/json' };
    const body = new Uint8Array(20 * MIB);
    for (let turn = 0; turn < 3; turn++) {
      await problemOf(await fetch(`${served.url}/api/things`, { method: 'POST', body, headers }), 'payload_too_large');
    }
    await problemOf(await fetch(`${served.url}/api/none`, { method: 'POST', body, headers }));
  });

  test('a body of exactly the limit is read', async () => {
    const start = '{"name":"a","config":{"x":"';
    const body = `${start}${'x'.repeat(MIB - start.length - 3)}"}}`;
    const headers = { 'content-type': 'application/json' };
    expect((await fetch(`${served.url}/api/things`, { method: 'POST', body, headers })).status).toBe(201);
  });

  test('headers of 100 kB, and of 20 MB', async () => {
    await refused('headers_too_large', `GET /api/things HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(100_000)}\r\n\r\n`);
    await refused('headers_too_large', `GET /api/things HTTP/1.1\r\nHost: a\r\nX-Long: `, Buffer.alloc(20 * MIB, 'x'));
  });

  test('a path of 10,000 characters is looked up; one of 20,000 is too long', async () => {
    await refused('route_not_found', `GET /${'x'.repeat(10_000)} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await refused('headers_too_large', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`);
  });

  test.each([
    ['no HTTP at all', '\x16\x03\x01hello\r\n\r\n'],
    ['an unknown method', 'BREW /api/things HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a header without a colon', 'GET / HTTP/1.1\r\nHost a\r\n\r\n'],
    ['two lengths', `${JSON_POST}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
    ['a length and chunks', `${JSON_POST}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a wrong chunk', `${JSON_POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n`],
    ['no Host header', 'GET /api/things HTTP/1.1\r\n\r\n'],
    ['an unknown expectation', 'GET /api/things HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n'],
    ['a bad percent encoding', 'GET /api/things/%zz HTTP/1.1\r\nHost: a\r\n\r\n'],
  ])('%s', async (_name, text) => {
    await refused('malformed_request', text);
  });

  test('an answer that is under way is not mixed with another one', async () => {
    const text = await new Promise<string>((resolve) => {
      let received = '';
      const socket = connect(served.port, '127.0.0.1', () => {
        socket.write('GET /api/slow HTTP/1.1\r\nHost: a\r\n\r\nrubbish\r\n\r\n');
      });
      socket.on('data', (data) => (received += data.toString())).on('error', () => undefined);
      socket.on('close', () => resolve(received));
    });
    expect(text.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
    expect(text).toContain('malformed_request');
  });

  test('a client that leaves in the middle of its body leaves nothing behind', async () => {
    served.logged.splice(0);
    await new Promise<void>((resolve) => {
      const leaving = request({
        port: served.port,
        path: '/api/things',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
      });
      leaving.on('error', () => resolve());
      leaving.write('{"name":');
      setTimeout(() => leaving.destroy(new Error('left')), 50);
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(served.logged).toEqual([]);
    expect((await fetch(`${served.url}/api/things`)).status).toBe(200);
  });

  test('every path is refused in the same shape', async () => {
    for (const path of ['*', '//', '/%2F', '/api/../x', 'http://other/api/x', '/api/things/%25', '/api/things/?']) {
      const { status, headers, body } = await sendRaw(served.port, [`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`]);
      expectProblem(status, headers, body);
    }
  });
});
