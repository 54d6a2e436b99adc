import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mergeStep, sameEntry, type Entry } from '../../../src/runtime/workspaces/decide.js';

const entry: fc.Arbitrary<Entry | null> = fc.oneof(
  fc.constant(null),
  fc.record({
    type: fc.constant('file' as const),
    mode: fc.constantFrom(0o644, 0o755),
    size: fc.constant(1),
    sha256: fc.constantFrom('a', 'b', 'c'),
  }),
  fc.record({ type: fc.constant('symlink' as const), target: fc.constantFrom('x', 'y') }),
  fc.record({ type: fc.constant('directory' as const), mode: fc.constantFrom(0o755, 0o700) }),
  fc.constant<Entry>({ type: 'other' }),
);

describe('what becomes of a path', () => {
  it('is nothing where the run has not touched it, whatever is here', () => {
    fc.assert(
      fc.property(entry, entry, (base, here) => {
        fc.pre(base?.type !== 'other');
        expect(mergeStep(base, base, here)).toEqual({ kind: 'keep' });
      }),
    );
  });

  it('is the run’s side where nobody has touched it here', () => {
    fc.assert(
      fc.property(entry, entry, (base, run) => {
        fc.pre(base?.type !== 'other' && !sameEntry(base, run));
        expect(mergeStep(base, run, base)).toEqual({ kind: run === null ? 'delete' : 'take' });
      }),
    );
  });

  it('is a conflict where both sides differ from what was sent, and from each other', () => {
    fc.assert(
      fc.property(entry, entry, entry, (base, run, here) => {
        fc.pre(here?.type !== 'directory' && base?.type !== 'directory');
        fc.pre(!(run?.type === 'directory' && here === null));
        fc.pre(!sameEntry(base, run) && !sameEntry(base, here) && !sameEntry(run, here));
        expect(mergeStep(base, run, here).kind).toBe('conflict');
      }),
    );
  });

  it('never replaces what is neither file, symlink nor folder', () => {
    fc.assert(
      fc.property(entry, entry, (base, run) => {
        expect(['keep', 'conflict']).toContain(mergeStep(base, run, { type: 'other' }).kind);
      }),
    );
  });
});
