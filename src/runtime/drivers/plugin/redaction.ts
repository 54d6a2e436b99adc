import { LRUCache } from 'lru-cache';

const SHORTEST = 4;
/** The newest forms that are known; a worker serves many companies, one after the other. */
const MAX_FORMS = 4_000;
const INSTEAD = '[secret]';

/** Takes secrets out of what a worker says: the values themselves and how they look in JSON, in URLs and in base64. */
export class Redaction {
  private readonly forms = new LRUCache<string, true>({ max: MAX_FORMS });
  /** The longest first: one secret may be part of another. */
  private sorted: readonly string[] | null = null;

  /** What is shorter than four characters is not taken out: nothing would be left of other words. */
  add(values: Iterable<string>): void {
    for (const value of values) {
      if (value.length < SHORTEST) continue;
      const base64 = Buffer.from(value).toString('base64');
      for (const form of [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), base64]) {
        if (!this.forms.has(form)) this.sorted = null;
        this.forms.set(form, true);
      }
    }
  }

  text(text: string): string {
    return this.longestFirst().reduce((left, form) => left.replaceAll(form, INSTEAD), text);
  }

  /** About as much of a text's begin, of which no more is looked at. What the cut has left of a secret at its end is cut off too. */
  beginOf(text: string, length: number): string {
    const longest = this.longestFirst()[0]?.length ?? 0;
    if (text.length <= length + longest) return this.text(text);
    const clean = this.text(text.slice(0, length + longest));
    return clean.slice(0, Math.max(0, clean.length - longest));
  }

  /** Whether a text, or one of several, has a secret in it. */
  isIn(value: unknown): boolean {
    if (typeof value === 'string') return this.text(value) !== value;
    return Array.isArray(value) && value.some((item) => this.isIn(item));
  }

  /** Every text in a JSON value, names of fields too; and what Postgres cannot store. */
  json(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value).replaceAll(/[\0\p{Surrogate}]/gu, '\uFFFD');
    if (Array.isArray(value)) return value.map((item) => this.json(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [this.json(name) as string, this.json(inner)]),
    );
  }

  private longestFirst(): readonly string[] {
    this.sorted ??= [...this.forms.keys()].sort((one, other) => other.length - one.length);
    return this.sorted;
  }
}
