import { constants } from 'node:os';

/**
 * A seccomp filter, as the kernel takes it: a program for its packet filter (see seccomp(2)). It refuses what programs do not need and
 * what leads out of a sandbox's accounting or to much of the kernel's code. What is refused is as if the kernel did not have it:
 * for that programs have another way.
 */
export function systemCallFilter(arch: NodeJS.Architecture): Buffer | null {
  const machine = MACHINES[arch];
  if (!machine) return null;
  const { audit, column, strange } = machine;
  const number = (calls: Numbers): number | null => calls[column];
  const refusals = Object.values(REFUSED).flatMap((calls) =>
    only(number(calls), [give(refused(constants.errno.ENOSYS))]),
  );
  const program = [
    ...[load(ARCH), ...unless(audit, [give(KILL_PROCESS)]), load(NUMBER)],
    // The x32 numbers of x86_64 are other ones for the same calls.
    ...(strange === null ? [] : [jump(JUMP_IF_LESS_NOT, strange, 0, 1), give(refused(constants.errno.ENOSYS))]),
    ...refusals,
    ...[SOCKET, SOCKETPAIR].flatMap((calls) => only(number(calls), families())),
    ...only(number(SHMGET), smallSegments()),
    give(ALLOW),
  ];
  return Buffer.concat(program);
}

type Numbers = readonly [x64: number | null, arm64: number | null];

const REFUSED: Readonly<Record<string, Numbers>> = {
  // Other processes' memory and descriptors.
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  process_madvise: [440, 440],
  pidfd_getfd: [438, 438],
  kcmp: [312, 272],
  // Much of the kernel, and often the way into it.
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  userfaultfd: [323, 282],
  perf_event_open: [298, 241],
  bpf: [321, 280],
  modify_ldt: [154, null],
  fanotify_init: [300, 262],
  open_by_handle_at: [304, 265],
  // Keys are the user's, not the sandbox's.
  add_key: [248, 217],
  request_key: [249, 218],
  keyctl: [250, 219],
  // Memory that no look from outside finds.
  memfd_create: [319, 279],
  memfd_secret: [447, 447],
  msgget: [68, 186],
};
const SOCKET: Numbers = [41, 198];
const SOCKETPAIR: Numbers = [53, 199];
const SHMGET: Numbers = [29, 194];

interface Machine {
  /** What the kernel calls it. */
  readonly audit: number;
  readonly column: 0 | 1;
  /** From this number on calls are none of its own. */
  readonly strange: number | null;
}

const MACHINES: Readonly<Partial<Record<NodeJS.Architecture, Machine>>> = {
  x64: { audit: 0xc000003e, column: 0, strange: 0x40000000 },
  arm64: { audit: 0xc00000b7, column: 1, strange: null },
};

const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const refused = (errno: number): number => 0x00050000 + errno;

/** Of what is known of a call: its number, the machine it was made for, its arguments of 8 bytes. */
const [NUMBER, ARCH, ARGUMENTS] = [0, 4, 16];
const low = (argument: number): number => ARGUMENTS + 8 * argument;

const [UNIX, INET, INET6, NETLINK] = [1, 2, 10, 16];
const NETLINK_ROUTE = 0;

/** Others, such as vsock, lead to the machine round this one, whatever network the sandbox has. */
function families(): Buffer[] {
  return [
    ...[load(low(0)), ...[UNIX, INET, INET6].flatMap((family) => when(family, [give(ALLOW)]))],
    ...unless(NETLINK, [give(refused(constants.errno.EAFNOSUPPORT))]),
    ...[load(low(2)), ...when(NETLINK_ROUTE, [give(ALLOW)]), give(refused(constants.errno.EAFNOSUPPORT))],
  ];
}

/** Shared memory that nobody has mapped is seen by nobody either. Databases ask for a few bytes, to lock what is theirs. */
function smallSegments(): Buffer[] {
  const tooLarge = give(refused(constants.errno.ENOSYS));
  return [
    ...[load(low(1) + 4), ...unless(0, [tooLarge]), load(low(1))],
    ...[jump(JUMP_IF_MORE, 4_096, 0, 1), tooLarge, give(ALLOW)],
  ];
}

const [LOAD, JUMP_IF_EQUAL, JUMP_IF_MORE, JUMP_IF_LESS_NOT, GIVE] = [0x20, 0x15, 0x25, 0x35, 0x06];

/** One instruction: what to do, how many to skip when it is so and when it is not, and a number. */
function jump(code: number, value: number, skipWhen: number, skipUnless: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(skipWhen, 2);
  bytes.writeUInt8(skipUnless, 3);
  bytes.writeUInt32LE(value, 4);
  return bytes;
}

const load = (offset: number): Buffer => jump(LOAD, offset, 0, 0);
const give = (verdict: number): Buffer => jump(GIVE, verdict, 0, 0);
const when = (value: number, then: Buffer[]): Buffer[] => [jump(JUMP_IF_EQUAL, value, 0, then.length), ...then];
const unless = (value: number, then: Buffer[]): Buffer[] => [jump(JUMP_IF_EQUAL, value, then.length, 0), ...then];
/** What is said of one call; it must end with a verdict. */
const only = (number: number | null, then: Buffer[]): Buffer[] => (number === null ? [] : when(number, then));
