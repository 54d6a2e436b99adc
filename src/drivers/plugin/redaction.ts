import { LRUCache } from 'lru-cache';

const SHORTEST = 4;
/** The newest forms that are known; a worker serves many companies, one after the other. */
const MAX_FORMS = 4_000;
const INSTEAD = '[secret]';

/** Takes secrets out of what a worker says: the values themselves and how they look in JSON, in URLs and in base64. */
export class Redaction {
  private readonly forms = new LRUCache<string, true>({ max: MAX_FORMS });

  /** What is shorter than four characters is not taken out: nothing would be left of other words. */
  add(values: Iterable<string>): void {
    for (const value of values) {
      if (value.length < SHORTEST) continue;
      const base64 = Buffer.from(value).toString('base64');
      for (const form of [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), base64]) {
        this.forms.set(form, true);
      }
    }
  }

  text(text: string): string {
    // The longest first: one secret may be part of another.
    return [...this.forms.keys()]
      .sort((one, other) => other.length - one.length)
      .reduce((left, form) => left.replaceAll(form, INSTEAD), text);
  }

  /** Whether a text, or one of several, has a secret in it. */
  isIn(value: unknown): boolean {
    if (typeof value === 'string') return this.text(value) !== value;
    return Array.isArray(value) && value.some((item) => this.isIn(item));
  }

  /** Every text in a JSON value, names of fields too; and what Postgres cannot store. Too deep a value throws. */
  json(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value).replaceAll(/[\0\p{Surrogate}]/gu, '\uFFFD');
    if (Array.isArray(value)) return value.map((item) => this.json(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [this.json(name) as string, this.json(inner)]),
    );
  }
}
