import { getRandomValues } from 'node:crypto';
import { V7Generator } from 'uuidv7';

/** Random words are drawn this many at a time: a system call for each id or two is most of what an id costs. */
const words = new Uint32Array(2_048);
let next = words.length;

const generator = new V7Generator({
  nextUint32: () => {
    if (next === words.length) {
      getRandomValues(words);
      next = 0;
    }
    const word = words[next] as number;
    // A word that was used is not kept.
    words[next] = 0;
    next += 1;
    return word;
  },
});

/** A new UUIDv7 (RFC 9562), greater than every one that this process has made before. */
export function newId(): string {
  return generator.generate().toString();
}
