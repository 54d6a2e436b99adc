import eslint from '@eslint/js';
import boundaries from 'eslint-plugin-boundaries';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

// --- which folder of src may import which ---------------------------------------------------------------------------

/**
 * The floors of src from the top, the rooms on each, and what each room may import besides itself: rooms, or whole
 * floors. Imports go down: to a floor below, or to a room further down on the same floor. `requireDownwards` holds this
 * list to it. See docs/decisions/0033-five-floors.md.
 */
const HOUSE = {
  app: { app: ['cli', 'audit', 'runtime', 'domain', 'platform', 'event-sourcing', 'errors'] },
  cli: { cli: ['audit', 'domain', 'platform', 'event-sourcing', 'errors'] },
  audit: {
    webhooks: ['feed', 'domain', 'platform', 'event-sourcing', 'errors'],
    feed: ['history', 'domain', 'platform', 'event-sourcing', 'errors'],
    seals: ['history', 'domain', 'platform', 'event-sourcing', 'errors'],
    history: ['domain', 'platform', 'event-sourcing', 'errors'],
  },
  runtime: {
    provisioning: ['domain', 'platform', 'event-sourcing', 'errors'],
    workspaces: ['execution', 'drivers', 'domain', 'platform', 'event-sourcing', 'errors'],
    execution: ['domain', 'platform', 'event-sourcing', 'errors'],
    probes: ['domain', 'platform', 'event-sourcing', 'errors'],
    drivers: ['driver-contract', 'addresses', 'config', 'programs', 'ids', 'errors'],
  },
  domain: {
    access: ['config', 'http', 'event-log', 'ids', 'postgres', 'errors'],
    leases: [
      ...['environments', 'secrets', 'driver-contract', 'config', 'http'],
      ...['commands', 'read-models', 'projections', 'event-log', 'ids', 'errors'],
    ],
    environments: [
      ...['secrets', 'driver-contract', 'http'],
      ...['commands', 'read-models', 'projections', 'event-log', 'ids', 'errors'],
    ],
    secrets: [
      ...['driver-contract', 'config', 'http'],
      ...['commands', 'read-models', 'projections', 'event-log', 'ids', 'errors'],
    ],
    capacity: [],
    'driver-contract': ['errors'],
  },
  platform: {
    operations: ['http', 'config', 'event-sourcing', 'errors'],
    process: ['config', 'embedded', 'event-log', 'errors'],
    http: ['commands', 'event-log', 'ids', 'errors'],
    database: ['config', 'embedded', 'postgres', 'errors'],
    embedded: ['postgres', 'errors'],
    config: ['errors'],
    addresses: [],
    programs: [],
  },
  'event-sourcing': {
    'read-models': ['projections', 'subscriptions', 'event-log', 'errors'],
    projections: ['subscriptions', 'event-log', 'postgres', 'errors'],
    subscriptions: ['event-log', 'postgres', 'errors'],
    commands: ['event-log', 'ids', 'errors'],
    'event-log': ['postgres'],
    postgres: [],
    ids: [],
  },
  errors: { errors: [] },
};

const FLOORS = Object.entries(HOUSE).map(([floor, rooms]) => ({ floor, rooms: Object.keys(rooms) }));
const ROOMS = FLOORS.flatMap(({ rooms }) => rooms);
const MAY_IMPORT = Object.assign({}, ...Object.values(HOUSE));

const roomsOf = (name) => FLOORS.find(({ floor }) => floor === name)?.rooms ?? [name];

function requireDownwards() {
  for (const [room, below] of Object.entries(MAY_IMPORT)) {
    const upwards = below.flatMap(roomsOf).filter((other) => ROOMS.indexOf(other) <= ROOMS.indexOf(room));
    if (upwards.length > 0) throw new Error(`${room} may not import ${upwards.join(', ')}: imports go down.`);
  }
}
requireDownwards();

/** Relative imports name the compiled file, './x.js'; the plugin is told of that name what holds of './x.ts'. */
const sourcesAndOutputs = (patterns) => patterns.map((pattern) => pattern.replace(/\.ts$/, '.{ts,js}'));

/** The core: no clock, no randomness, no input or output. */
const PURE = [
  'src/**/{events,state,evolve,fold-facts,decide,decide-cordon,decide-quarantine,decide-effects,decision,deadline,retry-policy}.ts',
  'src/**/*-{json,names}.ts',
  'src/errors/{catalogue,operational-errors,request-errors}.ts',
  'src/event-sourcing/event-log/define-event.ts',
];

/** Where HTTP is known, and where the parts are wired together. */
const EDGES = ['src/platform/http/**/*.ts', 'src/*/*/http/**/*.ts', 'src/cli/**/*.ts', 'src/app/**/*.ts', 'src/*.ts'];
const MODULES = ['src/**/*.module.ts'];

const boundariesSettings = {
  'boundaries/root-path': import.meta.dirname,
  'boundaries/elements': [
    ...FLOORS.flatMap(({ floor, rooms }) =>
      rooms.map((room) => ({
        type: room,
        pattern: room === floor ? `src/${floor}` : `src/${floor}/${room}`,
        partialMatch: false,
      })),
    ),
    ...['migrations', 'test', 'bench'].map((folder) => ({ type: folder, pattern: folder, partialMatch: false })),
  ],
  'boundaries/files': [
    // Without a category a file would match nothing, not even `noneOf`.
    { category: 'source', pattern: '**/*.{ts,js}' },
    { category: 'pure', pattern: sourcesAndOutputs(PURE) },
    { category: 'edge', pattern: sourcesAndOutputs(EDGES) },
    { category: 'module', pattern: sourcesAndOutputs(MODULES) },
    { category: 'root', pattern: sourcesAndOutputs(['src/*.ts', 'src/app/**/*.ts']) },
  ],
  'boundaries/dependency-nodes': ['import', 'dynamic-import', 'export'],
  'boundaries/additional-dependency-nodes': [{ selector: 'TSImportType > Literal', kind: 'type', name: 'import' }],
  // A path says all that the rules ask; whether the file exists is the compiler's business.
  'import/resolver': { node: { isFile: (file) => file.endsWith('.js'), preserveSymlinks: true } },
};

const folder = (...types) => ({ element: { types: { anyOf: types } } });
const file = (...categories) => ({ file: { categories: { anyOf: categories } } });

// The last policy that matches decides.
const importDirections = {
  default: 'disallow',
  checkInternals: true,
  checkUnknownLocals: true,
  message: '{{from.element.type}} may not import {{to.element.type}}: see HOUSE in eslint.config.mjs.',
  policies: [
    ...Object.entries(MAY_IMPORT).map(([from, to]) => ({
      from: folder(from),
      allow: { to: folder(from, ...to.flatMap(roomsOf)) },
    })),
    { from: folder('migrations'), allow: { to: folder('migrations') } },
    { from: folder('database'), allow: { to: folder('migrations') } },
    {
      from: { file: { categories: { noneOf: ['edge', 'module'] } } },
      disallow: { to: file('edge') },
      message: 'Only edges (http folders, modules and what wires the parts) know HTTP.',
    },
    { from: file('root'), allow: { to: [folder(...ROOMS, 'migrations'), file('root')] } },
    {
      from: { file: { categories: { noneOf: ['root'] } } },
      disallow: { to: file('root') },
      message: 'app, main and cli put the parts together; no part imports them.',
    },
    {
      from: file('pure'),
      disallow: { to: { file: { categories: { noneOf: ['pure'] } } }, dependency: { kind: 'value' } },
      message: 'The core is pure: it may take types from anywhere below it, and values only from pure files.',
    },
  ],
};

// --- no regular expressions of data ---------------------------------------------------------------------------------

const noRegExpOfData = {
  selector: ':matches(NewExpression, CallExpression)[callee.name="RegExp"]:not([arguments.0.type="Literal"])',
  message: 'A regular expression is a literal. One made of data can take for ever: see CONTRIBUTING.md.',
};

// --- what the core and the parts that are not edges may not touch ---------------------------------------------------

const pureRules = {
  '@typescript-eslint/no-restricted-imports': [
    'error',
    {
      patterns: [{ regex: '^(?!\\.|typebox$)', message: 'The core is pure: no package but typebox, nothing of Node.' }],
    },
  ],
  'no-restricted-properties': [
    'error',
    ...[
      ['Date', 'now'],
      ['Math', 'random'],
    ].map(([object, property]) => ({ object, property, message: 'The core is pure: take it as an argument.' })),
  ],
  'no-restricted-globals': [
    'error',
    ...['process', 'performance', 'crypto', 'console', 'fetch', 'require', 'global', 'globalThis', 'Buffer'],
    ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'],
  ].map((name, index) => (index === 0 ? name : { name, message: 'The core is pure.' })),
  'no-restricted-syntax': [
    'error',
    noRegExpOfData,
    {
      selector: 'NewExpression[callee.name="Date"][arguments.length=0], CallExpression[callee.name="Date"]',
      message: 'The core is pure: time comes in as data.',
    },
    {
      selector: ':function[async=true], AwaitExpression, ForOfStatement[await=true], ImportExpression',
      message: 'The core is pure: it waits for nothing.',
    },
  ],
};

const httpOfNest = [
  ...['Controller', 'Get', 'Post', 'Put', 'Patch', 'Delete', 'Head', 'Options', 'All', 'Sse', 'Search'],
  ...['Body', 'Param', 'Query', 'Headers?', 'HostParam', 'Ip', 'Session', 'Req', 'Request', 'Res', 'Response', 'Next'],
  ...['Redirect', 'Render', 'UploadedFiles?', 'RawBody', 'Version', 'Http.*', '.*Exception', 'RequestMethod'],
].join('|');

const noHttpRules = {
  '@typescript-eslint/no-restricted-imports': [
    'error',
    {
      patterns: [
        {
          regex: '^(fastify|@fastify/.+|@nestjs/swagger|@nestjs/platform-fastify)$',
          message: 'Only edges (http folders, modules and what wires the parts) know HTTP.',
        },
        {
          regex: '^@nestjs/common$',
          importNamePattern: `^(${httpOfNest})$`,
          message: 'Only edges (http folders, modules and what wires the parts) know HTTP.',
        },
      ],
    },
  ],
};

// --- tests ----------------------------------------------------------------------------------------------------------

const testRules = {
  'no-restricted-syntax': [
    'error',
    {
      selector:
        'MemberExpression[property.name=/^(only|skip|todo|failing)$/]' +
        ':matches([object.name=/^(describe|it|test)$/], [object.object.name=/^(describe|it|test)$/])',
      message: 'Every test runs, always.',
    },
    {
      selector: 'CallExpression[callee.name=/^([xf]it|[xf]describe|xtest)$/]',
      message: 'Every test runs, always.',
    },
    {
      selector: 'MemberExpression[property.name="concurrent"][object.name=/^(describe|it|test)$/]',
      message: 'One test of a file is under way at a time: decision 0020.',
    },
  ],
};

// --- all together ---------------------------------------------------------------------------------------------------

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', '.leasehold/']),
  {
    linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'error' },
    rules: {
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx'], location: 'anywhere' }],
      eqeqeq: ['error', 'smart'],
    },
  },
  {
    files: ['**/*.mjs'],
    extends: [eslint.configs.recommended],
    languageOptions: {
      // What this Node has is what Node has.
      globals: Object.fromEntries(Object.getOwnPropertyNames(globalThis).map((name) => [name, 'readonly'])),
    },
  },
  {
    files: ['**/*.ts'],
    extends: [eslint.configs.recommended, tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      // Silent by itself in files with decorators, where Nest needs the classes of constructor parameters as values.
      '@typescript-eslint/consistent-type-imports': 'error',
      // A property that is taken out so that the rest is without it.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // Bodies and answers are classes only because decorators need something to sit on; nobody asks `instanceof`.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // Nest's modules, and DTOs, are classes with a decorator and little else.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    files: ['src/**/*.ts', 'migrations/**/*.ts'],
    plugins: { boundaries },
    settings: boundariesSettings,
    rules: { 'boundaries/dependencies': ['error', importDirections] },
  },
  {
    files: ['src/**/*.ts'],
    rules: { 'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }] },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/main.ts', 'src/leasehold.ts', 'src/cli/**/*.ts', 'src/app/serve-command.ts'],
    rules: { 'no-console': 'error' },
  },
  { files: ['src/**/*.ts'], ignores: [...EDGES, ...MODULES], rules: noHttpRules },
  { files: ['src/**/*.ts', 'migrations/**/*.ts'], rules: { 'no-restricted-syntax': ['error', noRegExpOfData] } },
  { files: PURE, rules: pureRules },
  // As above: a body or an answer loses nothing when it is spread.
  { files: EDGES, rules: { '@typescript-eslint/no-misused-spread': 'off' } },
  {
    files: ['test/**/*.ts'],
    rules: {
      // What beforeAll assigns is missing in afterAll if it failed, which the type does not say; and a test that takes
      // what is not there fails, as it should.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      // A stand-in has the shape of what it stands for; a row is spread to be compared.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
    },
  },
  { files: ['test/**/*.{ts,mjs}'], rules: testRules },
);
