import { parseSeal, type Seal } from './seal.js';

/** Seals that somebody has kept outside of the log, read on as far as they are asked for. */
export class KeptSeals {
  private next: Seal | null = null;
  private newest: Seal | null = null;
  private readonly seals: AsyncIterator<Seal> | Iterator<Seal>;

  /** @param seals in the order of their numbers */
  constructor(seals: AsyncIterable<Seal> | Iterable<Seal>) {
    this.seals = Symbol.asyncIterator in seals ? seals[Symbol.asyncIterator]() : seals[Symbol.iterator]();
  }

  /** The one of this number, or null. Asked for in the order of the numbers. */
  async numbered(number: number): Promise<Seal | null> {
    while ((this.newest?.number ?? 0) < number) if (!(await this.readOn())) return null;
    return this.next?.number === number ? this.next : null;
  }

  /** The newest one; null when there is none. Nothing can be asked for afterwards. */
  async last(): Promise<Seal | null> {
    while (await this.readOn());
    return this.newest;
  }

  private async readOn(): Promise<boolean> {
    const result = await this.seals.next();
    this.next = result.done === true ? null : result.value;
    this.newest = this.next ?? this.newest;
    return this.next !== null;
  }
}

/** The seals of a file as `SealsFile` writes it. What a crash left of its last line is no seal. @throws TypeError */
export async function* sealsOfLines(lines: AsyncIterable<string>): AsyncGenerator<Seal> {
  let cutOff: string | null = null;
  for await (const line of lines) {
    if (cutOff !== null) throw new TypeError('The seals file has a line that is not a seal.');
    const seal = sealOrNull(line);
    if (seal) yield seal;
    else cutOff = line;
  }
}

function sealOrNull(line: string): Seal | null {
  try {
    return parseSeal(JSON.parse(line));
  } catch {
    return null;
  }
}
