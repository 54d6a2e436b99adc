import type { ClientChannel } from 'ssh2';

/**
 * Eight windows: both streams of a channel share one, so an honest host may come to more than one while only one of them is read.
 */
const MOST_UNREAD = 16 * 1024 * 1024;

/**
 * ssh2 grants a host a window and takes what comes anyway, so a host that sends on would fill the memory.
 * @param exceeded called when more is unread than any host may send
 */
export function guardWindow(channel: ClientChannel, exceeded: () => void): void {
  for (const stream of [channel, channel.stderr]) {
    const push = stream.push.bind(stream);
    stream.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
      if (chunk === null || stream.readableLength <= MOST_UNREAD) return push(chunk, encoding);
      exceeded();
      return false;
    };
  }
}
