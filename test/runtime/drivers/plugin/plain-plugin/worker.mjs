// The fake plugin without the verbs that move files, as most are: bytes pass as text, through its commands.
import { definePlugin, runWorker } from '@paperclipai/plugin-sdk';
import fake from '../fake-plugin/worker.mjs';

const plugin = definePlugin({
  ...fake.definition,
  onEnvironmentSyncIn: undefined,
  onEnvironmentSyncOut: undefined,
});

export default plugin;
runWorker(plugin, import.meta.url);
