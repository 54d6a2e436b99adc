// A process of its own that starts on a data folder, waits until all are ready, opens the key ring and tells its key.
import { KeyRing } from '../../../dist/src/domain/secrets/key-ring.js';

process.once('message', async () => {
  const keys = await KeyRing.open({ secretsKey: null, secretsKeyPrevious: null, dataDir: process.argv[2] });
  process.send(keys.current.id, () => process.disconnect());
});
process.send('ready');
