// A process of its own that appends by plan (see append-plan.ts) and reports every verdict. Plain Node: it uses the build.
import { uuidv7 } from 'uuidv7';
import { createLogPool, EventCatalogue, EventLog } from '../../../dist/src/event-sourcing/event-log/index.js';

const connection = JSON.parse(process.argv[2]);
const pool = createLogPool({ ...connection, max: 2 });
const log = new EventLog(pool, connection, new EventCatalogue([]));

process.on('message', (plan) => {
  void carryOut(plan).then((outcomes) => process.send(outcomes));
});
process.on('disconnect', () => {
  void log.close().then(() => pool.end());
});
process.send('ready');

async function carryOut({ run, process: name, companyId, concurrency, steps }) {
  const known = new Map();
  const streamOf = (write) => `${run}-${write.shared ? 'shared' : name}-${write.stream}`;
  const versionOf = (stream, off) => Math.max(0, (known.get(stream) ?? 0) + off);

  const appendOf = (step, index) => {
    const writes = new Map();
    for (const write of step.writes) {
      const stream = streamOf(write);
      const events = Array.from({ length: write.events }, (_, place) => ({
        id: uuidv7(),
        type: 'Happened',
        schemaVersion: 1,
        data: { by: name, step: index, place },
      }));
      writes.set(stream, {
        ...{ stream, events, expectedVersion: versionOf(stream, write.off) },
        ...{ category: 'contested', correlationKey: null, parent: null, open: true },
      });
    }
    const guards = step.guards
      .map(({ stream, off }) => ({ stream: streamOf({ shared: true, stream }), off }))
      .filter(({ stream }) => !writes.has(stream))
      .map(({ stream, off }) => ({ stream, version: versionOf(stream, off) }));
    const key = step.key === null ? null : `${run}-key-${step.key}`;
    return {
      ...{ companyId, actor: `test:${name}`, correlationId: null, causationId: null },
      writes: [...writes.values()],
      guards,
      idempotency: key && { key, fingerprint: `print of ${key}`, result: { by: name, step: index } },
    };
  };

  const learn = (append, verdict) => {
    if (verdict.kind === 'conflict') known.set(verdict.stream, verdict.actualVersion);
    if (verdict.kind === 'ok') {
      for (const { stream, expectedVersion, events } of append.writes) {
        known.set(stream, Math.max(known.get(stream) ?? 0, expectedVersion + events.length));
      }
    }
  };

  const outcomes = [];
  const waiting = steps.entries();
  const worker = async () => {
    for (const [index, step] of waiting) {
      const append = appendOf(step, index);
      try {
        const verdict = await log.append(append);
        learn(append, verdict);
        outcomes.push({ append, verdict, error: null });
      } catch (error) {
        outcomes.push({ append, verdict: null, error: String(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return outcomes;
}
