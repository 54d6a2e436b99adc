/** What is said to a supervisor (`S I A K`) and what it says (`H A O E X F`); see supervisor-program.ts. */
export type FrameType = 'S' | 'I' | 'A' | 'K' | 'H' | 'O' | 'E' | 'X' | 'F';

export interface Frame {
  readonly type: string;
  /** Of the command. */
  readonly id: number;
  readonly data: Buffer;
}

const HEADER_BYTES = 9;
const MAX_DATA_BYTES = 128 * 1024;

/** A frame: a letter's code, the command's number, the length, each big-endian; then the data. */
export function frame(type: FrameType, id: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(type.charCodeAt(0), 0);
  header.writeUInt32BE(id, 1);
  header.writeUInt32BE(data.length, 5);
  return data.length === 0 ? header : Buffer.concat([header, data]);
}

/** The data of an `S`: seconds of CPU, how many variables, then texts: each variable's name and value, the folder, the command. */
export function startData(
  cpuSeconds: number,
  env: Readonly<Record<string, string>>,
  cwd: string,
  argv: readonly string[],
): Buffer {
  const texts = [...Object.entries(env).flat(), cwd, ...argv].map((text) => Buffer.from(text));
  const parts = texts.flatMap((text) => [number(text.length), text]);
  return Buffer.concat([number(cpuSeconds), number(Object.keys(env).length), ...parts]);
}

export function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Takes frames from a stream of bytes, in time and memory that grow with them alone. What is in a sandbox may write what it likes there. */
export class FrameReader {
  private readonly header = Buffer.alloc(HEADER_BYTES);
  private headerHas = 0;
  /** Of a frame that has begun: a copy, as a part of a chunk would keep the whole of it. */
  private data: Buffer | null = null;
  private dataHas = 0;

  /** @throws Error on what no supervisor says */
  *read(chunk: Buffer): Generator<Frame> {
    for (let at = 0; at < chunk.length;) {
      if (this.data === null) {
        const taken = chunk.copy(this.header, this.headerHas, at);
        this.headerHas += taken;
        at += taken;
        if (this.headerHas < HEADER_BYTES) return;
        const length = this.header.readUInt32BE(5);
        if (length > MAX_DATA_BYTES) throw new Error('It is not a supervisor.');
        this.data = Buffer.alloc(length);
      }
      const taken = chunk.copy(this.data, this.dataHas, at);
      this.dataHas += taken;
      at += taken;
      if (this.dataHas < this.data.length) return;
      const type = String.fromCharCode(this.header.readUInt8(0));
      const complete = { type, id: this.header.readUInt32BE(1), data: this.data };
      [this.data, this.dataHas, this.headerHas] = [null, 0, 0];
      yield complete;
    }
  }
}
