// The built programs, in a few files with most of their packages: Node takes a millisecond a file to load, and the
// service has 2,500 of them. tsc has compiled them; here they are only put together. Decision 0019.
import { rmSync } from 'node:fs';
import { build } from 'esbuild';
import { at } from './setup.mjs';

/** What Nest would load if it were installed. */
const NOT_INSTALLED = [
  '@nestjs/microservices',
  '@nestjs/microservices/*',
  '@nestjs/websockets/*',
  '@nestjs/platform-express',
  '@fastify/multipart',
  '@fastify/static',
  '@fastify/view',
];
/** Packages that others require while they run, which a bundler does not see: there must be one of each in a process. */
const REQUIRED_LATER = ['class-transformer', 'class-validator', 'pg', 'typeorm'];
/** Packages that find files of their own beside them. */
const WITH_FILES = ['bullmq', 'ssh2'];
/**
 * A CommonJS package that stays outside is required, not imported: before Node imports one, it reads all its files once more
 * to see what they export.
 */
const requireOutside = {
  name: 'require-outside',
  setup({ onResolve, onLoad }) {
    const outside = new RegExp(`^(${[...REQUIRED_LATER, ...WITH_FILES].join('|')})(/|$)`);
    // What is imported while the service runs is wanted with its names, which only Node's import gives.
    onResolve({ filter: outside }, ({ path, namespace, kind }) =>
      namespace === 'outside' || kind === 'dynamic-import' ? { path, external: true } : { path, namespace: 'outside' },
    );
    onLoad({ filter: /./, namespace: 'outside' }, ({ path }) => ({ contents: `module.exports = require('${path}');` }));
  },
};

// Of an earlier build: chunks have other names in each.
rmSync(at('dist', 'bundle'), { recursive: true, force: true });
await build({
  entryPoints: [
    at('dist', 'src', 'main.js'),
    at('dist', 'src', 'cli.js'),
    at('test', 'support', 'stepped-service.mjs'),
  ],
  outdir: at('dist', 'bundle'),
  entryNames: '[name]',
  outExtension: { '.js': '.mjs' },
  external: [...NOT_INSTALLED, '*.node'],
  plugins: [requireOutside],
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  // Nest, TypeORM and the API's document know classes by their names.
  keepNames: true,
  // CommonJS packages require what comes with Node.
  banner: {
    js: `import { createRequire as requireOf } from 'node:module';\nconst require = requireOf(import.meta.url);`,
  },
  logLevel: 'warning',
});
