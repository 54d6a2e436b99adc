import { account, type AccountOptions } from './accounts.js';
import { startSshd, type TestSshd } from './sshd.js';

/** A host that is not as most are. */
export interface UnusualHost extends AccountOptions {
  readonly name: string;
  /** Lines of its sshd_config. */
  readonly sshd?: readonly string[];
}

const SHELLS = ['bash', 'dash', 'fish', 'zsh', 'tcsh', 'busybox ash'];
export const NOISE = 'head -c 1000000 /dev/zero | tr "\\0" n; head -c 1000000 /dev/zero | tr "\\0" n >&2';

/** The hosts that are promised, each with one thing that is unusual. */
export const UNUSUAL_HOSTS: readonly UnusualHost[] = [
  ...SHELLS.map((shell) => ({ name: `login shell ${shell}`, shell })),
  { name: 'BusyBox tools alone', tools: 'busybox' },
  { name: 'bsdtar as tar', tools: 'bsdtar' },
  ...[1, 2].map((most) => ({ name: `MaxSessions ${most}`, sshd: [`MaxSessions ${most}`] })),
  { name: 'start files that print 1 MB', starts: NOISE },
];

/** All that may come together. BusyBox alone has no other shells. */
export const UNUSUAL_TOGETHER: readonly UnusualHost[] = SHELLS.flatMap((shell) =>
  [1, 2, 10].flatMap((most) =>
    ['', NOISE].flatMap((starts) =>
      (['bsdtar', null] as const).map((tools) => ({
        ...{ name: `${shell}, ${tools ?? 'GNU tar'}, MaxSessions ${most}${starts && ', 1 MB of start files'}` },
        ...{ shell, starts, sshd: [`MaxSessions ${most}`], ...(tools && { tools }) },
      })),
    ),
  ),
);

export async function startUnusual({ sshd: lines = [], ...options }: UnusualHost): Promise<TestSshd> {
  const made = await account(options);
  const sshd = await startSshd({ config: [...made.config, ...lines] });
  return {
    ...sshd,
    stop: async () => {
      await sshd.stop();
      await made.remove();
    },
  };
}
