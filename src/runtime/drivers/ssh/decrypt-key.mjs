// Runs in a Node process of its own, with what Node and the package ssh2 have.
// Reads JSON { pem, passphrase, ssh2: the path of ssh2 } from the standard input, and prints the decrypted key as PEM.
// Node's own code reads PEM; ssh2 reads the forms of OpenSSH and PuTTY. An error ends the process; nobody reads its text.
import { createPrivateKey } from 'node:crypto';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';

const { pem, passphrase, ssh2 } = JSON.parse(await text(process.stdin));
const isOfSsh = /-----BEGIN OPENSSH PRIVATE KEY-----|^PuTTY-User-Key-File/.test(pem);
const decrypted = isOfSsh
  ? [createRequire(ssh2)(ssh2).utils.parseKey(pem, passphrase)].flat()[0].getPrivatePEM()
  : createPrivateKey({ key: pem.trim(), passphrase }).export({ type: 'pkcs8', format: 'pem' });
process.stdout.write(decrypted);
