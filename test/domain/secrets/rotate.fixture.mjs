// A process of its own that seals again what the older key has sealed, until it is killed.
import pg from 'pg';
import { KeyRing } from '../../../dist/src/domain/secrets/key-ring.js';
import { rotateMasterKey } from '../../../dist/src/domain/secrets/rotate-master-key.js';

const [connection, secretsKey, secretsKeyPrevious, dataDir] = process.argv.slice(2);
const pool = new pg.Pool({ ...JSON.parse(connection), max: 1 });
await rotateMasterKey(pool, await KeyRing.open({ secretsKey, secretsKeyPrevious, dataDir }));
await pool.end();
