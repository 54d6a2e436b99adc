import { Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { ArchiveWriter } from '../../../src/runtime/workspaces/archive-writer.js';

const CHUNK = Buffer.alloc(64 * 1024);
const CHUNKS = 40;

async function* content(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < CHUNKS; at += 1) {
    await nextTurn();
    yield CHUNK;
  }
}

test('a file that waits for its reader again and again has no more listeners for each time', async () => {
  const warned: string[] = [];
  const onWarning = ({ name }: Error): void => void warned.push(name);
  process.on('warning', onWarning);
  try {
    const slow = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => void setImmediate(done) });
    const writer = new ArchiveWriter(slow);
    await writer.add('big', { type: 'file', mode: 0o644, size: CHUNKS * CHUNK.length, content: content() });
    await writer.finish();
    await nextTurn();
    expect(warned).toEqual([]);
  } finally {
    process.off('warning', onWarning);
  }
});
