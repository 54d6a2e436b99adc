// The built service, in which any step of a lease can hold the one that comes to it: before and after every append of a
// lease's events and every call of a driver. Steps name themselves, so that a new one joins the matrix of kills by itself.
// It is told over IPC what to do: { arm: steps } to hold the first at each, { record: true } to tell of each step.
import { join } from 'node:path';
import { load } from '../../scripts/compiled.mjs';

const service = join(import.meta.dirname, '..', '..', 'dist', 'bundle', 'main.cjs');
const { AppModule, connectDatabase, createHttpApp, DriverRegistry, EventLog, migrate, readConfig } =
  load(service).exports.parts;

let armed = new Set();
let recording = false;
process.on('message', (message) => {
  if ('arm' in message) armed = new Set(message.arm);
  if ('record' in message) recording = message.record;
  process.send({ told: true });
});

async function step(name) {
  if (recording) process.send({ step: name });
  if (!armed.delete(name)) return;
  process.send({ at: name });
  await new Promise(() => setInterval(() => undefined, 60_000));
}

/** Wraps a method so that there is a step before and after each of its calls that has a name. */
function stepAround(target, method, nameOf) {
  const original = target[method].bind(target);
  target[method] = async (...args) => {
    const name = nameOf(...args);
    if (name === null) return original(...args);
    await step(`before ${name}`);
    const result = await original(...args);
    await step(`after ${name}`);
    return result;
  };
}

async function main() {
  const config = readConfig(process.env);
  const database = await connectDatabase(config, () => undefined);
  await migrate(database.client);
  const app = await createHttpApp(AppModule.on(database.client, config));
  stepAround(app.get(EventLog, { strict: false }), 'append', ({ writes }) => {
    const events = writes.filter(({ category }) => category === 'lease').flatMap((write) => write.events);
    return events.length > 0 ? `append of ${events.map(({ type }) => type).join(', ')}` : null;
  });
  for (const driver of app.get(DriverRegistry, { strict: false }).drivers) {
    for (const method of ['acquire', 'find', 'release', 'suspend', 'resume', 'execute']) {
      if (method in driver) stepAround(driver, method, () => `${driver.driver}.${method}`);
    }
  }
  if (config.role === 'worker') {
    await app.init();
    console.log('Leasehold runs as a worker.');
  } else {
    await app.listen(config.port, config.host);
    console.log(`Leasehold listens on ${await app.getUrl()}`);
  }
  process.once('SIGTERM', async () => {
    await app.close();
    await database.leave();
    process.exit(0);
  });
}

void main();
