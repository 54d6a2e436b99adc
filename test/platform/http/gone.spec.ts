import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { goneSignal } from '../../../src/platform/http/gone.js';

type Exchange = readonly [IncomingMessage, ServerResponse];

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

let server: Server;
let client: Socket;
let exchanges: Exchange[];

beforeEach(async () => {
  exchanges = [];
  server = createServer((...exchange) => exchanges.push(exchange)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  client = connect((server.address() as AddressInfo).port, '127.0.0.1');
});
afterEach(() => {
  client.destroy();
  server.close();
});

async function received(count: number): Promise<Exchange[]> {
  client.write(GET.repeat(count));
  while (exchanges.length < count) await pause(1);
  return exchanges;
}

async function left(): Promise<void> {
  const closed = once((exchanges[0] as Exchange)[0].socket, 'close');
  client.destroy();
  await closed;
}

test('R1: who has gone before somebody asks has gone', async () => {
  const exchange = (await received(1))[0] as Exchange;
  await left();
  expect(goneSignal(...exchange).aborted).toBe(true);
});

test('R1: who goes later is noticed, also one whose answer waits behind another of its connection', async () => {
  const signals = (await received(20)).map((exchange) => goneSignal(...exchange));
  expect(signals.some(({ aborted }) => aborted)).toBe(false);
  await left();
  expect(signals.every(({ aborted }) => aborted)).toBe(true);
});

test('R1: who goes in the middle of the answer is noticed, who goes after it has not left early', async () => {
  const [first, second] = (await received(2)).map((exchange) => goneSignal(...exchange));
  exchanges[0]?.[1].end('whole');
  exchanges[1]?.[1].write('half');
  await once(client, 'data');
  await left();
  expect([first?.aborted, second?.aborted]).toEqual([false, true]);
});
