// How Node loads TypeScript here. On a thread of their own, as Node has it.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { transformFile } from '@swc/core';

const GLOBALS = new URL('globals.mjs', import.meta.url).href;

export async function resolve(specifier, context, next) {
  const { parentURL } = context;
  if (specifier === '@jest/globals') return { url: GLOBALS + new URL(parentURL).search, shortCircuit: true };
  // Sources import './x.js', as Node wants it of compiled code; here it is still './x.ts'.
  if (/^\.{1,2}\/.*\.js$/.test(specifier) && !parentURL.includes('/node_modules/')) {
    const source = new URL(specifier.replace(/\.js$/, '.ts'), parentURL);
    if (existsSync(source)) return { url: source.href, shortCircuit: true };
  }
  return await next(specifier, context);
}

export async function load(url, context, next) {
  const { protocol, pathname } = new URL(url);
  if (protocol !== 'file:' || !pathname.endsWith('.ts')) return await next(url, context);
  const { code } = await transformFile(fileURLToPath(new URL(pathname, 'file:')), {
    swcrc: false,
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
      keepClassNames: true,
    },
    module: { type: 'es6' },
    sourceMaps: 'inline',
  });
  return { format: 'module', source: code, shortCircuit: true };
}
