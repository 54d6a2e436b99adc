import { extract, pack, type Header } from 'tar-stream';

/** One entry of an archive. */
export interface Item {
  readonly name: string;
  readonly type?: 'file' | 'symlink' | 'link' | 'directory' | 'fifo' | 'character-device' | 'block-device';
  readonly linkname?: string;
  readonly text?: string;
  readonly mode?: number;
  /** As pax has it: what is said there counts instead of what the header says. */
  readonly pax?: Readonly<Record<string, string>>;
}

/** An archive as `tar` would make it, of entries that `tar` would not make. */
export async function tar(...items: Item[]): Promise<Uint8Array<ArrayBuffer>> {
  const archive = pack();
  for (const { text = '', ...header } of items) archive.entry(header, text);
  archive.finalize();
  return bytesOf(archive as AsyncIterable<Uint8Array>);
}

/** What is in an archive: a mode and a content, or where a symlink leads to; a folder has nothing. */
export async function contentOfArchive(bytes: ArrayBuffer): Promise<Record<string, string>> {
  const archive = extract();
  archive.end(Buffer.from(bytes));
  const content: Record<string, string> = {};
  for await (const entry of archive) {
    const text = Buffer.from(await bytesOf(entry as AsyncIterable<Uint8Array>)).toString('latin1');
    content[entry.header.name] = shown(entry.header, text);
  }
  return content;
}

function shown({ type, mode, linkname }: Header, text: string): string {
  if (type === 'symlink') return `-> ${linkname ?? ''}`;
  return type === 'directory' ? '' : `${mode.toString(8)} ${text}`;
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return new Uint8Array(Buffer.concat(all));
}
