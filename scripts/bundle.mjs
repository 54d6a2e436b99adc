// The built programs, in a few files with their packages: Node takes a millisecond a file to load, and the service has 2,500
// of them. tsc has compiled them; here they are only put together. Decision 0019.
import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { at } from './setup.mjs';

/** What Nest and TypeORM would load if it were installed. */
const NOT_INSTALLED = [
  ...['@nestjs/microservices', '@nestjs/microservices/*', '@nestjs/websockets/*', '@nestjs/platform-express'],
  ...['@fastify/multipart', '@fastify/static', '@fastify/view'],
  ...['@google-cloud/spanner', '@sap/hana-client', '@sap/hana-client/*', 'better-sqlite3', 'hdb-pool', 'mongodb'],
  ...['mssql', 'mysql', 'mysql2', 'oracledb', 'pg-native', 'pg-query-stream', 'react-native-sqlite-storage', 'redis'],
  ...['sql.js', 'sqlite3', 'typeorm-aurora-data-api-driver', 'cpu-features', '*.node'],
];
/** Packages that others require by name while they run, which a bundler does not see: there must be one of each in a process. */
const REQUIRED_LATER = ['class-transformer', 'class-validator', 'pg', 'typeorm'];
const requiredLater = {
  name: 'required-later',
  setup({ onResolve, onLoad }) {
    // What is imported while the service runs is wanted with its names, which only Node's import gives.
    onResolve({ filter: new RegExp(`^(${REQUIRED_LATER.join('|')})$`) }, ({ path, namespace, kind }) => {
      if (kind === 'dynamic-import') return { path, external: true };
      return namespace === 'required-later' ? undefined : { path, namespace: 'required-later' };
    });
    // Whoever requires it gets the bundle's. The file is asked for by a variable, or esbuild would have it external.
    onLoad({ filter: /./, namespace: 'required-later' }, ({ path }) => ({
      contents: `
        const Module = require('node:module');
        const name = '${path}';
        const file = require.resolve(name);
        module.exports = require('${path}');
        require.cache[file] = Object.assign(new Module(file), { exports: module.exports, loaded: true });`,
      resolveDir: at(),
    }));
  },
};

/** Programs in other languages, which lie beside the code that sends them: in the bundle they are texts. */
const programs = {
  name: 'programs',
  async setup({ onLoad }) {
    const { readProgram } = await import('../dist/src/platform/programs/read-program.js');
    const call = /\breadProgram\(import\.meta\.dirname, '([^']+)'\)/g;
    onLoad({ filter: /[/\\]dist[/\\]src[/\\]runtime[/\\].*\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(call, (_, file) => JSON.stringify(readProgram(dirname(path), file))),
    }));
  },
};

const bundled = (name) => at('dist', 'bundle', name);
const shared = {
  external: NOT_INSTALLED,
  plugins: [requiredLater, programs],
  bundle: true,
  platform: 'node',
  target: 'node20',
  // Nest, TypeORM and the API's document know classes by their names.
  keepNames: true,
  logLevel: 'warning',
  // Without indentation it is 8.5 instead of 12 MB to read at each start; lines stay lines, for stack traces.
  minifyWhitespace: true,
  lineLimit: 160,
  // As newer Nodes say it. In this one pg loads all of `fetch` to see that it is not Cloudflare's.
  define: { navigator: '{ "userAgent": "Node.js" }' },
};

// Of an earlier build: chunks have other names in each.
rmSync(bundled(''), { recursive: true, force: true });

// Of the command line most commands need little: it is in several files.
await build({
  ...shared,
  entryPoints: [at('dist', 'src', 'leasehold.js')],
  outdir: bundled(''),
  entryNames: '[name]',
  outExtension: { '.js': '.mjs' },
  splitting: true,
  format: 'esm',
  // CommonJS packages require what comes with Node, and ask where they are.
  banner: {
    js: `import { createRequire as requireOf } from 'node:module';
const require = requireOf(import.meta.url);
const __dirname = import.meta.dirname;`,
  },
});

/** The service needs all of it at once: it is one script, which is run from what V8 has compiled of it here. */
const service = bundled('main.cjs');
await build({
  ...shared,
  stdin: {
    // Loaded first, run later. The parts are for test/support/stepped-service.mjs, which puts them together in its own way.
    contents: `
      require('reflect-metadata');
      exports.parts = {
        ...require('./dist/src/app/app.module.js'),
        ...require('./dist/src/platform/config/config.js'),
        ...require('./dist/src/platform/database/connection.js'),
        ...require('./dist/src/platform/database/data-source.js'),
        ...require('./dist/src/domain/driver-contract/driver-registry.js'),
        ...require('./dist/src/event-sourcing/event-log/index.js'),
        ...require('./dist/src/platform/http/index.js'),
      };
      exports.run = () => require('./dist/src/main.js');`,
    resolveDir: at(),
  },
  outfile: service,
  format: 'cjs',
  // As Node wraps what is required: done here, the start does not make 12 MB of text again.
  banner: {
    js: `(function (exports, require, module, __filename, __dirname) {
const importMetaUrl = require('node:url').pathToFileURL(__filename).href;`,
  },
  footer: { js: '})' },
  define: { ...shared.define, 'import.meta.url': 'importMetaUrl', 'import.meta.dirname': '__dirname' },
  // A script that was compiled before cannot import.
  supported: { 'dynamic-import': false },
});
writeFileSync(
  bundled('main.mjs'),
  `import { load } from '../../scripts/compiled.mjs';\nload(import.meta.dirname + '/main.cjs').exports.run();\n`,
);

/** Those of `npm start`, which has flags, and of the tests: V8 takes nothing back that was compiled with others. */
const startFlags = JSON.parse(readFileSync(at('package.json'), 'utf8'))
  .scripts.start.split(' ')
  .filter((word) => word.startsWith('--'));
await Promise.all([keepCompiled(startFlags), keepCompiled([])]);

async function keepCompiled(flags) {
  await promisify(execFile)(process.execPath, [...flags, at('scripts', 'keep-compiled.mjs'), service]);
}
