import { benchAdmission } from './admission.js';
import { benchAppend } from './append.js';
import { benchCycle } from './cycle.js';
import { benchSsh } from './ssh.js';
import { benchReplay } from './replay.js';
import { benchSandbox } from './sandbox.js';

/** What can be measured: each prints its report and answers whether every promise in it holds. */
const BENCHES: Readonly<Record<string, (json: boolean) => Promise<boolean>>> = {
  admission: benchAdmission,
  append: benchAppend,
  cycle: benchCycle,
  ssh: benchSsh,
  sandbox: benchSandbox,
  replay: benchReplay,
};

const [name = '', ...flags] = process.argv.slice(2);
const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
if (!bench || flags.some((flag) => flag !== '--json')) {
  process.stderr.write(`usage: npm run bench -- <${Object.keys(BENCHES).join('|')}> [--json]\n`);
  process.exitCode = 2;
} else if (!(await bench(flags.includes('--json')))) {
  process.exitCode = 1;
}
