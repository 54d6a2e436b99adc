// A process of its own that joins the Postgres in the folder it is given, and leaves when it is told to.
import { joinEmbeddedPostgres } from '../../../dist/src/platform/embedded/index.js';

const member = await joinEmbeddedPostgres({ dataDir: process.argv[2], log: () => undefined });
process.send({ connection: member.connection });
process.once('message', () => void member.leave().then(() => process.disconnect()));
