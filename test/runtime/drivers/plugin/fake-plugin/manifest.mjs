const configSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['root'],
  properties: {
    root: { type: 'string', minLength: 1, description: 'The folder that the sandboxes are in.' },
    image: { type: 'string', default: 'fake:latest' },
    apiKey: { type: 'string', format: 'secret-ref', minLength: 8 },
    reuseLease: { type: 'boolean', default: false },
    livesMs: { type: 'integer', minimum: 1, description: 'The provider ends a sandbox after this.' },
    volumes: { type: 'array', uniqueItems: true, items: { type: 'object' } },
  },
};

/** @type {import('@paperclipai/plugin-sdk').PaperclipPluginManifestV1} */
export default {
  id: 'leasehold.fake-plugin',
  apiVersion: 1,
  version: '1.0.0',
  displayName: 'Fake plugin',
  description: 'Folders that stand for sandboxes.',
  author: 'Leasehold',
  categories: ['automation'],
  capabilities: ['environment.drivers.register'],
  entrypoints: { worker: './worker.mjs' },
  environmentDrivers: [
    {
      driverKey: 'fake-plugin',
      kind: 'sandbox_provider',
      displayName: 'Fake plugin sandbox',
      description: 'A folder that stands for a sandbox.',
      supportsReusableLeases: true,
      configSchema,
    },
    {
      driverKey: 'fake-machine',
      kind: 'environment_driver',
      displayName: 'Fake plugin machine',
      configSchema,
    },
  ],
};
