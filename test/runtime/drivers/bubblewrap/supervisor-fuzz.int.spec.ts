import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  validateBubblewrapConfig,
  type BubblewrapConfig,
} from '../../../../src/runtime/drivers/sandbox/bubblewrap/bubblewrap-config.js';
import { WINDOW } from '../../../../src/runtime/drivers/sandbox/bubblewrap/command-input.js';
import { HeldSandbox } from '../../../../src/runtime/drivers/sandbox/bubblewrap/held-sandbox.js';
import type { RunningSandbox } from '../../../../src/runtime/drivers/sandbox/bubblewrap/running-sandbox.js';
import {
  frame,
  FrameReader,
  startData,
  type FrameType,
} from '../../../../src/runtime/drivers/sandbox/bubblewrap/supervisor-frames.js';
import { SUPERVISOR, SYSTEM_CALLS } from '../../../../src/runtime/drivers/sandbox/bubblewrap/supervisor-program.js';
import { turns } from '../../../support/soak.js';
import { NEVER } from './sandbox-under-test.js';

const MIB = 1024 ** 2;
const MOST_GROWTH = 64 * MIB;
const RUNS = turns(40, 4_000);
const TALKS = turns(5, 300);

/** Whole frames, as they should be and as they should not. */
const aFrame = fc
  .record({
    type: fc.oneof(
      fc.constantFrom(...'HOEAXF'),
      fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    ),
    id: fc.oneof(fc.constantFrom(0, 1, 2), fc.integer({ min: 0, max: 0xffffffff })),
    data: fc.oneof(
      fc.uint8Array({ maxLength: 16 }),
      fc.integer({ min: 0, max: 128 * 1024 }).map((length) => new Uint8Array(length)),
    ),
  })
  .map(({ type, id, data }) => frame(type as FrameType, id, Buffer.from(data)));
const bytes = fc
  .array(
    fc.oneof(
      { arbitrary: aFrame, weight: 6 },
      { arbitrary: fc.uint8Array({ maxLength: 64 }).map((some) => Buffer.from(some)), weight: 1 },
    ),
    { maxLength: 60 },
  )
  .map((parts) => Buffer.concat(parts).subarray(0, MIB));
const sizes = fc.array(fc.oneof(fc.constantFrom(1, 9), fc.integer({ min: 1, max: 65_536 })), {
  minLength: 1,
  maxLength: 40,
});

/** The sizes over and over. */
function pieces(whole: Buffer, by: readonly number[]): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0, next = 0; at < whole.length; next += 1) {
    const size = by[next % by.length]!;
    found.push(whole.subarray(at, at + size));
    at += size;
  }
  return found;
}

function timed(work: () => void): number {
  const startedAt = performance.now();
  work();
  return performance.now() - startedAt;
}

/** A sandbox that says what the test says, and takes what it is told. */
function talkative(): { sandbox: HeldSandbox; say: (chunk: Buffer) => void; end: () => void } {
  const [stdin, stdout, stderr] = [new PassThrough().resume(), new EventEmitter(), new PassThrough()];
  Object.assign(stdout, { resume: () => undefined });
  const child = Object.assign(new EventEmitter(), { stdin, stdout, stderr });
  const gone = { pid: 2 ** 22, startedAt: '0' };
  const running = { child, init: gone, processes: [] } as unknown as RunningSandbox;
  const verdict = validateBubblewrapConfig({ provider: 'bubblewrap' });
  if (verdict.kind === 'invalid') throw new Error(JSON.stringify(verdict.errors));
  const nothing = (): void => undefined;
  const config = verdict.config as unknown as BubblewrapConfig;
  const sandbox = new HeldSandbox(running, import.meta.dirname, config, nothing, nothing);
  return { sandbox, say: (chunk) => void stdout.emit('data', chunk), end: () => void child.emit('close') };
}

test('whatever a sandbox says, in whatever pieces, takes time and memory as its bytes do', async () => {
  let most = 0;
  await fc.assert(
    fc.asyncProperty(bytes, sizes, async (said, by) => {
      const chunks = pieces(said, by);
      const copies = timed(() => chunks.map((chunk) => Buffer.from(chunk)));
      const { sandbox, say, end } = talkative();
      say(frame('H', 0));
      const stdout = new PassThrough();
      const command = { argv: ['true'], cwd: '/', env: {}, stdin: null, stdout, stderr: stdout };
      const running = sandbox.execute({ ...command, timeoutMs: 60_000, signal: NEVER }).catch(() => undefined);
      while (!sandbox.isBusy) await new Promise(setImmediate);
      await new Promise(setImmediate);
      // Of each input: what making the inputs leaves to the collector is none of theirs.
      const before = process.memoryUsage().rss;
      // One after the other: there may be a million of them, which is too many for the arguments of a call.
      const longest = chunks.reduce(
        (most, chunk) =>
          Math.max(
            most,
            timed(() => say(chunk)),
          ),
        0,
      );
      most = Math.max(most, process.memoryUsage().rss - before);
      end();
      await running;
      expect(longest).toBeLessThan(200 * Math.max(1, copies));
    }),
    { ...RUNS, endOnFailure: true },
  );
  expect(most).toBeLessThan(MOST_GROWTH);
});

test('what frames are does not depend on where their bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(aFrame, { maxLength: 20 }), sizes, (frames, by) => {
      const read = (chunks: readonly Buffer[]) => {
        const reader = new FrameReader();
        return chunks
          .flatMap((chunk) => [...reader.read(chunk)])
          .map(({ type, id, data }) => frame(type as FrameType, id, data));
      };
      const found = read(pieces(Buffer.concat(frames), by));
      expect(found.length).toBe(frames.length);
      expect(Buffer.concat(found).equals(Buffer.concat(frames))).toBe(true);
    }),
    RUNS,
  );
});

test('a large frame that comes byte by byte takes no longer than as many bytes of small ones', () => {
  const reading = (said: Buffer): number => {
    const reader = new FrameReader();
    const chunks = pieces(said, [1]);
    return timed(() => chunks.forEach((chunk) => [...reader.read(chunk)]));
  };
  const small = reading(Buffer.concat(Array.from({ length: 5_000 }, () => frame('O', 1, Buffer.alloc(16)))));
  expect(reading(frame('O', 1, Buffer.alloc(125_000)))).toBeLessThan(20 * Math.max(10, small));
});

test('a supervisor takes what it is told in whatever pieces, and rubbish costs it no more than its bytes', async () => {
  const calls = SYSTEM_CALLS[process.arch]!;
  const child = spawn('/usr/bin/perl', ['-e', SUPERVISOR, ...[...calls, WINDOW].map(String)]);
  child.stdin.on('error', () => undefined);
  const reader = new FrameReader();
  const heard = new EventEmitter();
  let [printed, id] = [Buffer.alloc(0), 0];
  child.stdout.on('data', (chunk: Buffer) => {
    for (const { type, id: of, data } of reader.read(chunk)) {
      if (of === id && type === 'O') printed = Buffer.concat([printed, data]);
      if (of === id && type === 'X') heard.emit('end', data.readUInt16BE(0));
    }
  });
  const peak = async (): Promise<number> => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  };
  try {
    await once(child.stdout, 'data');
    const before = await peak();
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 100_000 }),
        fc.array(aFrame, { maxLength: 8 }),
        sizes,
        async (input, rubbish, by) => {
          id += 1;
          printed = Buffer.alloc(0);
          const ended = once(heard, 'end');
          const others = rubbish.map((one) => {
            // For a command that there is not, and no start.
            one.writeUInt32BE(0xfffffff0, 1);
            if (one.readUInt8(0) === 'S'.charCodeAt(0)) one.writeUInt8(0, 0);
            return one;
          });
          const told = [frame('S', id, startData(60, {}, '/', ['/bin/cat'])), ...others];
          if (input.length > 0) told.push(frame('I', id, Buffer.from(input)));
          for (const chunk of pieces(Buffer.concat([...told, frame('I', id)]), by)) {
            if (!child.stdin.write(chunk)) await once(child.stdin, 'drain');
          }
          expect(await ended).toEqual([0]);
          expect(printed.equals(Buffer.from(input))).toBe(true);
        },
      ),
      TALKS,
    );
    expect((await peak()) - before).toBeLessThan(MOST_GROWTH);
  } finally {
    child.kill('SIGKILL');
  }
});
