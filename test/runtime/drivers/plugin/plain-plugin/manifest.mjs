import fake from '../fake-plugin/manifest.mjs';

const [sandbox] = fake.environmentDrivers;

/** @type {import('@paperclipai/plugin-sdk').PaperclipPluginManifestV1} */
export default {
  ...fake,
  id: 'leasehold.plain-plugin',
  environmentDrivers: [{ ...sandbox, driverKey: 'plain-plugin' }],
};
