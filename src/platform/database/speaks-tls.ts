import { connect } from 'node:net';

/** Postgres's SSLRequest, which is answered by one letter before anything else is said. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const TIMEOUT_MS = 5_000;

/** Whether the server takes TLS; false also where nobody answers, which the first real connection tells better. */
export function speaksTls(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: TIMEOUT_MS }, () => socket.write(SSL_REQUEST));
    const answer = (tls: boolean) => (): void => {
      socket.destroy();
      resolve(tls);
    };
    socket.on('data', (data) => answer(data.toString('latin1').startsWith('S'))());
    socket.on('timeout', answer(false)).on('error', answer(false)).on('close', answer(false));
  });
}
