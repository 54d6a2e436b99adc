import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** The heap and the buffers of this process, in bytes, with what has not been collected yet. */
export function usedMemory(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** The same after a collection. */
export function keptMemory(): number {
  collect();
  return usedMemory();
}
