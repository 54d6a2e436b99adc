import { execFile } from 'node:child_process';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { testServer } from '../../../support/database.js';
import { leaseOf, SandboxesUnderTest, type Lease } from './sandbox-under-test.js';

const run = promisify(execFile);
const SECRET = 'planted-secret-of-the-host-7f3a';

/** Tried from inside, in a held sandbox and in one of a command's own. */
describe.each([
  { name: 'in a held sandbox', perl: true },
  { name: 'in a sandbox of its own', perl: false },
])('isolation, tried $name', ({ perl }) => {
  let sandboxes: SandboxesUnderTest;
  let lease: Lease;
  let other: Lease;
  beforeAll(async () => {
    process.env['LEASEHOLD_TEST_PLANTED'] = SECRET;
    sandboxes = await SandboxesUnderTest.start({ perl });
    [lease, other] = await Promise.all([sandboxes.acquire(), sandboxes.acquire()]);
  });
  afterAll(async () => {
    delete process.env['LEASEHOLD_TEST_PLANTED'];
    try {
      for (const one of [lease, other]) if (one) await sandboxes.driver.release(one);
    } finally {
      await sandboxes?.stop();
    }
  });

  /** What a script finds; it is to end well, so that a script that does not run finds nothing. */
  async function inside(script: string): Promise<string> {
    const { exitCode, stdout, stderr } = await sandboxes.sh(lease, `${script}\necho reached-the-end`);
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/reached-the-end\n$/)]);
    return stdout + stderr;
  }

  test('no variable of the host is to be found, not in the first process either', async () => {
    const found = await inside('env; cat /proc/[0-9]*/environ | tr "\\0" "\\n"');
    expect(found).not.toContain(SECRET);
    expect(found).toContain('PATH=/usr/local/sbin');
    expect(await inside('cat /proc/1/environ | wc -c')).toMatch(/^0\n/);
    expect(await inside('cat /proc/[0-9]*/cmdline')).not.toContain(sandboxes.dataDir);
  });

  test('/etc/shadow and what else the host keeps to itself is not there', async () => {
    const paths = ['/etc/shadow', '/etc/ssh', '/root', '/var/lib', '/sys', '/boot', '/home/*/.ssh', '/run/*'];
    const found = await inside(`ls -d ${paths.join(' ')}`);
    for (const path of paths) expect(found).toContain(`cannot access '${path}': No such file`);
    expect(await inside('cat /etc/passwd')).not.toContain('root');
    expect(await inside('ls /')).toMatch(/^(bin|dev|etc|home|lib\w*|proc|run|sbin|tmp|usr|var|workspace|\n)+reached/);
  });

  test('the data folder, the other lease in it and the files of this one’s record are not there', async () => {
    await sandboxes.sh(other, `echo ${SECRET} > secret`);
    await writeFile(join(sandboxes.dataDir, 'secret'), SECRET);
    const found = await inside(
      `ls -d ${sandboxes.dataDir}; ls -aR /tmp /workspace /home /run; ls /workspace/..; grep -rs ${SECRET} /workspace /tmp /home /run /etc /var`,
    );
    expect(found).toContain('No such file');
    expect(found).not.toContain(SECRET);
    expect(found).not.toContain(`lease.${lease.fence}`);
    expect(await inside('touch /workspace/../escaped || true; ls /')).not.toMatch(/^escaped$/m);
  });

  test('Postgres’s socket cannot be reached', async () => {
    const { host, port } = testServer();
    const socket = `${host}/.s.PGSQL.${port}`;
    await run('test', ['-S', socket]);
    const connect = `use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0); print connect(S, pack_sockaddr_un("${socket}")) ? "in" : "out"`;
    expect(await inside(`perl -e '${connect}'`)).toMatch(/^out/);
  });

  test('processes of the host and of the other lease are neither seen nor reached', async () => {
    const theirs = sandboxes.sh(other, 'sleep 1.5; echo whole');
    const found = await inside('ps -e -o args=');
    expect(found).not.toMatch(/jest|node|postgres/);
    await sandboxes.sh(lease, 'kill -9 1; kill -9 -1').catch(() => undefined);
    expect((await theirs).stdout).toBe('whole\n');
  });

  test('there is no network, and the host’s loopback is not its own', async () => {
    const server: Server = createServer((socket) => socket.on('error', () => undefined).end(SECRET)).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const connect = (address: string, to: number): string =>
        `use Socket; socket(S, PF_INET, SOCK_STREAM, 0); print connect(S, pack_sockaddr_in(${to}, inet_aton("${address}"))) ? "in" : "out"`;
      const tries = [connect('127.0.0.1', port), connect('192.0.2.1', 80)].map((script) => `perl -e '${script}'; echo`);
      const found = await inside([...tries, 'wc -l < /proc/net/tcp', 'cat /proc/net/dev'].join('\n'));
      expect(found).toMatch(/^out\nout\n1\n/);
      expect(found).not.toMatch(/eth|ens|wlan|docker/);

      const open = await sandboxes.acquire({ network: true });
      const reached = await sandboxes.sh(open, `perl -e '${connect('127.0.0.1', port)}'`);
      await sandboxes.driver.release(open);
      expect(reached.stdout).toBe('in');
    } finally {
      server.close();
    }
  });

  test('nobody in it is anybody: no capability, no setuid program, no namespace of its own, no device', async () => {
    expect(await inside('id -u; id -g; grep -E "Cap(Prm|Eff|Bnd)|NoNewPrivs" /proc/self/status')).toMatch(
      /^1000\n1000\nCapPrm:\t0+\nCapEff:\t0+\nCapBnd:\t0+\nNoNewPrivs:\t1\n/,
    );
    const programs = await inside(
      'cp /usr/bin/id own-id; chmod 6755 own-id; ./own-id -u\n' +
        'for one in /usr/bin/su /usr/bin/passwd /usr/bin/mount; do [ ! -u $one ] || timeout 2 $one -c id root </dev/null & done\n' +
        'su -c id root </dev/null & wait',
    );
    expect(programs).toMatch(/^1000\n/);
    expect(programs).not.toContain('uid=0');
    expect(await inside('unshare -U true; unshare -r true; mount -t tmpfs none /tmp')).toMatch(
      /unshare failed[^]*unshare failed/,
    );
    expect(await inside('mknod disk b 254 0; ls /dev')).not.toMatch(/vda|sda|kmsg|mem\b/);
  });

  test('the streams and the memory of what runs its commands are out of its reach', async () => {
    // open /proc/1/mem for writing; pidfd_open and pidfd_getfd of descriptors 0 to 2; process_vm_writev; ptrace(PTRACE_ATTACH); kill -STOP
    const numbers = { x64: [311, 101], arm64: [271, 117] }[process.arch as 'x64' | 'arm64'];
    const script = `
      my ($writev, $ptrace) = (${numbers.join(', ')});
      opendir(my $all, "/proc");
      for my $pid (grep { /^[0-9]+$/ && $_ != $$ && $_ != getppid() } readdir $all) {
        print "memory of $pid\n" if open(my $memory, "+<", "/proc/$pid/mem");
        my $fd = syscall(434, $pid, 0);
        for (0 .. 2) { print "descriptor of $pid\n" if $fd >= 0 && syscall(438, $fd, $_, 0) >= 0 }
        my ($bytes, $at) = ("x" x 8, pack("QQ", 0, 8));
        my $local = pack("PQ", $bytes, 8);
        print "written to $pid\n" if syscall($writev, $pid, $local, 1, $at, 1, 0) >= 0 || $!{EFAULT};
        print "traced $pid\n" if syscall($ptrace, 16, $pid, 0, 0) >= 0;
      }
      kill "STOP", 1;`;
    const found = await inside(`perl -MErrno -e '${script}'; echo done`);
    // Without a supervisor the first process is bwrap, which has nothing to lose.
    expect(perl ? found : found.replace('memory of 1\n', '')).toBe('done\nreached-the-end\n');
    expect(await inside('true')).toBe('reached-the-end\n');
  });

  test('of the kernel there is what programs need: no other families of sockets, no io_uring, no keys, no hidden memory', async () => {
    const column = process.arch === 'arm64' ? 1 : 0;
    const tries: Record<string, readonly [call: number, ...args: number[]]> = {
      vsock: [[41, 198][column]!, 40, 1, 0],
      alg: [[41, 198][column]!, 38, 5, 0],
      packet: [[41, 198][column]!, 17, 3, 0],
      'netlink for the kernel’s keys': [[41, 198][column]!, 16, 3, 21],
      io_uring: [425, 1, 0],
      userfaultfd: [[323, 282][column]!, 1],
      keyctl: [[250, 219][column]!, 0, -3, 1],
      bpf: [[321, 280][column]!, 0, 0, 0],
      perf: [[298, 241][column]!, 0, 0, -1, -1, 0],
      memfd: [[319, 279][column]!, 0, 0],
      'shared memory': [[29, 194][column]!, 0, 1_000_000, 0o1600],
      ...(column === 0 ? { 'vsock by another number': [0x40000000 + 41, 40, 1, 0] } : {}),
    };
    const script = Object.entries(tries).map(
      ([name, words]) => `print "${name}: ", (syscall(${words.join(', ')}) >= 0 ? "yes" : 0 + $!), "\n";`,
    );
    const found = await inside(`perl -e '${script.join('\n')}'`);
    const refused = Object.keys(tries).map((name) => expect.stringMatching(new RegExp(`^${name}: (38|97)$`)));
    expect(found.trim().split('\n')).toEqual([...refused, 'reached-the-end']);
    const small = `syscall(${[29, 194][column]}, 0, 56, 0x380) >= 0`;
    expect(await inside(`perl -e 'print ${small} ? "small" : "none"'`)).toMatch(/^small/);
  });

  test('bash, git, Node, Python, npm and gcc do as ever', async () => {
    const script = `
      set -e
      git init -q repository && cd repository && echo text > file && git add file
      git -c user.name=A -c user.email=a@example.org commit -q -m message && git log --format=%s
      for program in gcc node python3 npm; do
        [ -x /usr/bin/$program ] || { echo $program; continue; }
        case $program in
          gcc) echo 'int main() { return 0; }' > main.c && gcc -o main main.c && ./main && echo gcc ;;
          node) node -e 'require("fs").promises.readFile("file").then(() => new Worker("", { eval: true })).catch(() => 0).then(() => console.log("node"))' ;;
          python3) /usr/bin/python3 -c 'import subprocess, threading, socket; subprocess.run(["true"]); print("python3")' ;;
          npm) npm init -y > /dev/null && npm pkg get name > /dev/null && echo npm ;;
        esac
      done
      bash -c 'cat <(echo bash)'`;
    const { stdout, stderr } = await sandboxes.sh(lease, script, { timeoutMs: 60_000 });
    expect([stdout, stderr]).toEqual(['message\ngcc\nnode\npython3\nnpm\nbash\n', '']);
  });

  test('what the kernel counts by user, one sandbox cannot use up for another', async () => {
    const isRoot = process.geteuid?.() === 0;
    const users = await Promise.all(
      [lease, other].map(async ({ effect: { effectId } }) => {
        const { uid } = await stat(join(sandboxes.dataDir, 'sandboxes', effectId, 'files', 'workspace'));
        return uid;
      }),
    );
    if (isRoot) expect(Math.min(...users)).toBeGreaterThan(60_600);
    // An ordinary user has no others to make sandboxes as.
    expect(new Set(users).size).toBe(isRoot ? 2 : 1);
    const number = process.arch === 'arm64' ? '26, 0' : '253';
    const over = new AbortController();
    const script = `perl -e '1 while syscall(${number}) >= 0; $| = 1; print "all\\n"; sleep 60' > all`;
    const greedy = sandboxes.sh(lease, script, { signal: over.signal }).catch(() => undefined);
    while ((await sandboxes.sh(lease, 'cat all')).stdout === '');
    const ran = await sandboxes.sh(other, `perl -e 'print syscall(${number}) >= 0 ? "one" : "none"'`);
    over.abort(new Error('Enough.'));
    await greedy;
    expect(ran.stdout).toBe(isRoot ? 'one' : 'none');
  });

  test('of the service’s own folders nothing is to be seen, wherever they are', async () => {
    // Stands for a service that is installed, or keeps its data, in /usr: by its own path and by another one.
    const [one, other] = ['/usr/share/perl', '/usr/share/bash-completion'];
    const link = join(sandboxes.dataDir, 'link');
    await symlink(other, link);
    const hidden = [one, link, join(sandboxes.dataDir, 'never-made'), '/'];
    const careful = await SandboxesUnderTest.start({ perl }, { hidden });
    try {
      const mine = await careful.acquire();
      const found = await careful.sh(mine, `ls -A ${one} ${other}; touch ${one}/file || echo refused`);
      await careful.driver.release(mine);
      expect(found.stdout).toBe(`${other}:\n\n${one}:\nrefused\n`);
    } finally {
      await careful.stop();
    }
    const exposed = SandboxesUnderTest.driverOn(sandboxes.dataDir, { perl }, { hidden: ['/usr'] });
    expect(await exposed.probe({ ...lease.effect, environmentId: 'unsaved' })).toMatchObject({
      ok: false,
      details: { reasonCode: 'isolation_unavailable' },
      summary: expect.stringMatching(/\/usr, which holds files of the service’s own/),
    });
  });

  test('the machine’s network is to be had only once a token was made: before, a command in it would be the operator', async () => {
    let made = false;
    const someTokenMade = (): Promise<boolean> => Promise.resolve(made);
    const open = await SandboxesUnderTest.start({ perl }, { someTokenMade });
    try {
      const REFUSED = { reasonCode: 'network_refused', message: expect.stringMatching(/tokens create/) };
      const { driver } = open;
      expect(await driver.validateConfig({ provider: 'bubblewrap', network: true })).toMatchObject({
        kind: 'invalid',
        errors: [{ field: 'network' }],
      });
      expect(await driver.validateConfig({ provider: 'bubblewrap' })).toMatchObject({ kind: 'valid' });
      const request = open.request({ network: true });
      await expect(driver.acquire(request)).rejects.toMatchObject(REFUSED);
      expect(await driver.probe({ ...request, environmentId: 'unsaved' })).toMatchObject({
        ok: false,
        details: { reasonCode: 'network_refused' },
      });
      made = true;
      expect(await driver.validateConfig({ provider: 'bubblewrap', network: true })).toMatchObject({ kind: 'valid' });
      const mine = leaseOf(request, await driver.acquire(request));
      made = false;
      await expect(open.sh(mine, 'true')).rejects.toMatchObject(REFUSED);
      await driver.release(mine);
    } finally {
      await open.stop();
    }
  });

  test('what it did not bring it cannot change', async () => {
    const paths = [
      '/usr/bin/x',
      '/etc/x',
      '/x',
      '/dev/x',
      '/proc/sys/kernel/hostname',
      '/proc/sysrq-trigger',
      '/run/x',
      // The program of the first process is the host’s own bwrap.
      '/proc/1/exe',
    ];
    const found = await inside(paths.map((path) => `(: >> ${path}) || echo refused ${path}.`).join('\n'));
    for (const path of paths) expect(found).toContain(`refused ${path}.`);
    const hostname = await readFile('/proc/sys/kernel/hostname', 'utf8');
    expect(await inside('cat /proc/sys/kernel/hostname')).not.toContain(hostname.trim());
  });

  test('a symlink out of the workspace leads nowhere for the host’s own cleaning up', async () => {
    const outside = join(sandboxes.dataDir, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, 'file'), 'kept', { mode: 0o600 });
    const mine = await sandboxes.acquire();
    await sandboxes.sh(
      mine,
      `ln -s ${outside} link; mkdir -p closed/in; chmod 000 closed; ` +
        `perl -e 'for (1..300) { mkdir "d" x 200; chdir "d" x 200 }'; true`,
    );
    expect(await sandboxes.driver.release(mine)).toBe('cleaned');
    expect(await readFile(join(outside, 'file'), 'utf8')).toBe('kept');
  });
});
