import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client } from 'ssh2';
import { AddressRefusedError, checkedLookup } from '../../../platform/addresses/checked-lookup.js';
import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import { failureText } from '../../../domain/driver-contract/failure-text.js';
import { addressRefused, requireAllowedLiteral, type AddressRule } from './ssh-addresses.js';
import { isRefusal, notAnswering } from './ssh-failures.js';
import { guardWindow } from './window-guard.js';

/** Connects to a host from here. @throws DriverError */
export async function connected(host: string, port: number, budgetMs: number, rule: AddressRule): Promise<Socket> {
  let timer: NodeJS.Timeout | undefined;
  let socket: Socket | undefined;
  try {
    requireAllowedLiteral(host, rule);
    const opening = connect({ host, port, lookup: checkedLookup(rule) });
    socket = opening;
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(notAnswering(`${host}:${port}`, budgetMs)), budgetMs);
      // Listened to for as long as it is open: it may break while nothing else listens.
      opening.once('connect', resolve).on('error', reject);
    });
    // Without it a command on a connection that is open waits for the timer of Nagle's algorithm.
    return opening.setNoDelay(true);
  } catch (error) {
    socket?.destroy();
    if (error instanceof DriverError) throw error;
    if (error instanceof AddressRefusedError) throw addressRefused(host);
    throw unreachable(`${host}:${port} cannot be reached: ${failureText(error)}.`);
  } finally {
    clearTimeout(timer);
  }
}

const ADMINISTRATIVELY_PROHIBITED = 1;

/** Has a jump host connect on to another host, whose name it looks up by itself. @throws DriverError */
export async function forwarded(
  jump: Client,
  jumpName: string,
  { host, port }: { readonly host: string; readonly port: number },
  budgetMs: number,
): Promise<Duplex> {
  const name = `${host}:${port}`;
  let timer: NodeJS.Timeout | undefined;
  let onClose = (): void => undefined;
  try {
    return await new Promise<Duplex>((resolve, reject) => {
      const late = unreachable(`${name} cannot be reached from ${jumpName} within ${budgetMs} ms.`);
      timer = setTimeout(() => reject(late), budgetMs);
      onClose = () => reject(unreachable(`${name} cannot be reached: the connection to ${jumpName} was lost.`));
      jump.once('close', onClose);
      jump.forwardOut('127.0.0.1', 0, host, port, (error, channel) => {
        if (error) {
          reject(error);
          return;
        }
        guardWindow(channel, () => jump.destroy());
        resolve(channel.on('error', reject));
      });
    });
  } catch (error) {
    if (error instanceof DriverError) throw error;
    const why = failureText(error);
    if (!(error instanceof Error && isRefusal(error) && error.reason === ADMINISTRATIVELY_PROHIBITED)) {
      throw unreachable(`${name} cannot be reached from ${jumpName}: ${why}.`);
    }
    const message = `${jumpName} does not connect on to ${name} (AllowTcpForwarding or PermitOpen of its sshd): ${why}.`;
    throw new DriverError('config', 'host_unreachable', message, false);
  } finally {
    clearTimeout(timer);
    jump.off('close', onClose);
  }
}

function unreachable(message: string): DriverError {
  return new DriverError('transient', 'host_unreachable', message, false);
}
