import { createReadStream, createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import type { AuditHead } from '../audit/seals/audit-trail.js';
import { isEventLine } from '../audit/seals/event-line.js';
import { KeptSeals, sealsOfLines } from '../audit/seals/kept-seals.js';
import { trustedKeys } from '../audit/seals/public-keys.js';
import { parseSeal, type Seal, type TrustedKeys } from '../audit/seals/seal.js';
import type { Finding, Verification } from '../audit/seals/verification.js';
import { verifyExport } from '../audit/seals/verify-export.js';
import { verifyProof, type LeaseProof } from '../audit/seals/verify-proof.js';
import { count, uuid } from './arguments.js';
import { withClient } from './client.js';
import { CliError, EXIT } from './exit.js';
import { fieldsOf, print, show, tableOf } from './output.js';
import type { Parts } from './parts.js';

interface Json {
  readonly json?: boolean;
}
interface Range {
  readonly from?: number;
  readonly to?: number;
}

export function addAudit(program: Command, parts: Parts): void {
  const audit = program.command('audit').description('Seals of the log, which show whether it was changed.');
  addOnline(audit, parts);
  addOffline(audit);
}

function addOnline(audit: Command, parts: Parts): void {
  audit
    .command('head')
    .description('Show the newest seal. Keep a copy elsewhere: it shows later whether the log before it was changed')
    .option('--json', 'print JSON')
    .action(async ({ json = false }: Json, command: Command) => {
      const head = await withClient(command, parts, (client) => client.get<AuditHead>('/api/audit/head'));
      show(head, json, ({ seal, sealHash, position, unsealedEvents }) =>
        [
          fieldsOf({ ...seal, sealHash, position, unsealedEvents }),
          ...head.publicKeys.map((key) => key.publicKey),
        ].join('\n'),
      );
    });

  audit
    .command('verify')
    .description('Check the log against its seals; exit code 1 if there is a problem')
    .option('--from <position>', 'from the seal of this event on', count)
    .option('--to <position>', 'up to the seal of this event', count)
    .option('--known-head <file>', 'earlier output of `audit head --json`')
    .option('--json', 'print JSON')
    .action(
      async (
        { from, to, knownHead, json = false }: Json & Range & { readonly knownHead?: string },
        command: Command,
      ) => {
        const kept = knownHead === undefined ? null : await headIn(knownHead);
        const found = await withClient(command, parts, (client) =>
          client.send<Verification>('POST', '/api/audit/verify', { from, to, knownHead: kept }),
        );
        report(found, json);
      },
    );

  audit
    .command('export')
    .description('Write the log with its seals to a file, as NDJSON')
    .argument('<file>', 'where')
    .option('--from <position>', 'from the seal of this event on', count)
    .option('--to <position>', 'up to the seal of this event', count)
    .action(async (file: string, { from, to }: Range, command: Command) => {
      const events = await withClient(command, parts, async (client) => {
        const { position } = await client.get<AuditHead>('/api/audit/head');
        const bar = new SingleBar({ format: 'export [{bar}] {value}/{total} events', noTTYOutput: false });
        bar.start((to ?? position) - (from ?? 1) + 1, 0);
        let done = 0;
        const lines = async function* (): AsyncGenerator<string> {
          for await (const line of client.lines('/api/audit/export', { from, to })) {
            if (isEventLine(line)) bar.update((done += 1));
            yield `${line}\n`;
          }
        };
        await pipeline(Readable.from(lines()), createWriteStream(file, { mode: 0o600 })).finally(() => bar.stop());
        return done;
      });
      print(`${events} events are in ${file}.`);
    });

  audit
    .command('proof')
    .description('Print a proof that the events of a lease are in the sealed log, for `audit verify-proof`')
    .argument('<lease>', 'its id', uuid)
    .action(async (id: string, _options: object, command: Command) => {
      const proof = await withClient(command, parts, (client) =>
        client.get<LeaseProof>(`/api/environment-leases/${id}/proof`),
      );
      print(JSON.stringify(proof, null, 2));
    });
}

interface Offline extends Json {
  readonly publicKey: readonly string[];
  readonly seals?: string;
}

function addOffline(audit: Command): void {
  const several = (file: string, before: readonly string[] = []): readonly string[] => [...before, file];

  audit
    .command('verify-export')
    .description('Check an export with the public key alone, without a service; exit code 1 if there is a problem')
    .argument('<file>', 'file from `audit export`')
    .requiredOption('--public-key <file>', 'PEM, from `audit head`; repeatable', several)
    .option('--seals <file>', 'seals that were kept elsewhere: the service’s LEASEHOLD_SEALS_FILE')
    .option('--json', 'print JSON')
    .action(async (file: string, { publicKey, seals, json = false }: Offline) => {
      const trusted = await keysIn(publicKey);
      const kept = seals === undefined ? [] : [new KeptSeals(sealsOfLines(linesOf(seals)))];
      report(await readable(() => verifyExport(linesOf(file), trusted, kept)), json);
    });

  audit
    .command('verify-proof')
    .description('Check the proof of a lease with the public key alone; exit code 1 if there is a problem')
    .argument('<file>', 'output of `audit proof`')
    .requiredOption('--public-key <file>', 'PEM; repeatable', several)
    .option('--json', 'print JSON')
    .action(async (file: string, { publicKey, json = false }: Offline) => {
      const trusted = await keysIn(publicKey);
      const proof = await readable(async () => JSON.parse(await readFile(file, 'utf8')) as LeaseProof);
      const findings = await readable(() => Promise.resolve(verifyProof(proof, trusted)));
      const unsealed = proof.events.filter((event) => event.proof === null).length;
      show(
        { ok: findings.length === 0, events: proof.events.length, unsealedEvents: unsealed, findings },
        json,
        (found) =>
          [
            fieldsOf({ ok: found.ok, events: found.events, unsealedEvents: unsealed }),
            findingsText(found.findings),
          ].join('\n'),
      );
      if (findings.length > 0) throw new CliError(EXIT.failed, 'The proof is not valid.');
    });
}

function report(found: Verification, json: boolean): void {
  show(found, json, ({ ok, events, seals, unsealedEvents, head, findings, moreFindings }) =>
    [
      fieldsOf({ ok, events, seals, unsealedEvents, sealedUpTo: head?.toPosition ?? null, moreFindings }),
      findingsText(findings),
    ].join('\n'),
  );
  if (!found.ok) throw new CliError(EXIT.failed, 'The log does not match its seals.');
}

function findingsText(findings: readonly Finding[]): string {
  return tableOf(findings, [
    { name: 'FOUND', of: ({ kind }) => kind },
    { name: 'AT', of: ({ position }) => position },
    { name: 'SEAL', of: ({ seal }) => seal },
    { name: 'DETAIL', of: ({ detail }) => detail },
  ]);
}

async function headIn(file: string): Promise<Seal> {
  return readable(async () => {
    const value = JSON.parse(await readFile(file, 'utf8')) as { seal?: unknown };
    return parseSeal(value.seal ?? value);
  });
}

async function keysIn(files: readonly string[]): Promise<TrustedKeys> {
  return readable(async () => trustedKeys(await Promise.all(files.map((file) => readFile(file, 'utf8')))));
}

/** What is wrong with a file is its user's business, not a bug. */
async function readable<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    throw new CliError(EXIT.usage, error instanceof Error ? error.message : String(error));
  }
}

/** Opened when the first line is read: lines that come before that are lost, and their end with them. */
async function* linesOf(file: string): AsyncGenerator<string> {
  yield* createInterface({ input: createReadStream(file), crlfDelay: Infinity });
}
