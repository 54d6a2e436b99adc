import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { json } from 'node:stream/consumers';
import type { Command } from 'commander';
import { readConfig } from '../platform/config/config.js';
import { CliError, EXIT } from './exit.js';
import type { Parts } from './parts.js';
import { unanswered } from './unanswered.js';
import { visible } from './visible.js';

/** Whom a command asks. Both ways it is the service's own API, so that both do and refuse the same. */
interface Target {
  readonly url: string;
  readonly token: string | null;
}

export interface TargetOptions {
  readonly url: string;
  readonly databaseUrl?: string;
}

type Headers = Readonly<Record<string, string>>;
type Query = Readonly<Record<string, string | number | readonly string[] | undefined>>;

interface Problem {
  readonly code: string;
  readonly title: string;
  readonly detail?: string;
  readonly remedy?: string;
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

const NEEDS_TOKEN = 'Set LEASEHOLD_TOKEN to a token that is neither revoked nor expired.';
const DEFAULT_URL = 'http://127.0.0.1:3000';

/** The options of every command that asks a service. */
export function addTarget(program: Command): void {
  program
    .option('--url <url>', 'URL of the service (default: LEASEHOLD_URL)', process.env['LEASEHOLD_URL'] ?? DEFAULT_URL)
    .option('--database-url <url>', 'use its Postgres instead; no service needs to run')
    .addHelpText(
      'after',
      `
Where the service requires a token, set LEASEHOLD_TOKEN.
Exit codes: 0 success, 1 failure or a problem found, 2 wrong usage or input, 3 refused by the service.`,
    );
}

/** What commands need to ask a service. */
export class Client {
  constructor(private readonly target: Target) {}

  /** @throws CliError with the service's code where it refuses */
  async send<Body>(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: object,
    headers: Headers = {},
  ): Promise<Body> {
    return (await this.jsonOf(await this.ask(method, path, body, headers))) as Body;
  }

  get<Body>(path: string, query: Query = {}): Promise<Body> {
    return this.send('GET', withQuery(path, query));
  }

  /** A bare array, and the cursor of its `Link` to what comes after it. */
  async page<Item>(path: string, query: Query): Promise<Page<Item>> {
    const response = await this.ask('GET', withQuery(path, query));
    const next = /<([^>]*)>; rel="next"/.exec(String(response.headers['link']))?.[1];
    const nextCursor = next === undefined ? null : new URLSearchParams(next.replace(/^.*\?/, '')).get('cursor');
    return { items: (await this.jsonOf(response)) as Item[], nextCursor };
  }

  /** The body of an answer as it comes. */
  async *lines(path: string, query: Query = {}): AsyncGenerator<string> {
    const response = await this.ask('GET', withQuery(path, query));
    let rest = '';
    try {
      for await (const text of response.setEncoding('utf8') as AsyncIterable<string>) {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        yield* lines;
      }
    } catch {
      throw this.gone();
    }
    if (rest !== '') yield rest;
  }

  private async ask(method: string, path: string, body?: object, own: Headers = {}): Promise<IncomingMessage> {
    const { url, token } = this.target;
    const headers = {
      ...own,
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': 'application/json' }),
    };
    const response = await answerTo(url + path, { method, headers }, body).catch((error: unknown) => {
      throw unanswered(url, error);
    });
    if (Number(response.statusCode) < 300) return response;
    const problem = ((await this.jsonOf(response)) ?? {}) as Partial<Problem>;
    if (problem.code === undefined) throw this.notLeasehold(response);
    const isUsage = response.statusCode === 400;
    throw new CliError(isUsage ? EXIT.usage : EXIT.refused, refusalOf(problem).map(visible).join('\n'));
  }

  private async jsonOf(response: IncomingMessage): Promise<unknown> {
    try {
      return await json(response);
    } catch (error) {
      throw error instanceof SyntaxError ? this.notLeasehold(response) : this.gone();
    }
  }

  private gone(): CliError {
    return new CliError(EXIT.failed, `${this.target.url} closed the connection in the middle of its answer.`);
  }

  private notLeasehold({ statusCode, headers: { location } }: IncomingMessage): CliError {
    const elsewhere = location === undefined ? '' : ` that names ${location}`;
    return new CliError(
      EXIT.failed,
      `What answers at ${this.target.url} is not Leasehold: status ${statusCode}${elsewhere}.`,
    );
  }
}

/** What is said of a problem, in the words of the command line. */
function refusalOf({ code, title, detail, remedy, errors = [] }: Partial<Problem>): string[] {
  const fields = errors.map(({ field, message }) => `  ${field}: ${message}`);
  const advice = code === 'unauthenticated' ? NEEDS_TOKEN : remedy;
  return [`${code}: ${detail ?? title}`, ...fields, ...(advice === undefined ? [] : [advice])];
}

/** Not by `fetch`: to load that takes as long as all the rest of a command. */
async function answerTo(url: string, options: http.RequestOptions, body?: object): Promise<IncomingMessage> {
  const request = (url.startsWith('https:') ? https : http).request(url, options);
  // Once there is an answer, its reader is told too.
  request.on('error', () => undefined).end(body && JSON.stringify(body));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

/**
 * Runs work that asks the service which the options of the whole program name.
 * @param mode `changes` for work that changes anything
 */
export async function withClient<Result>(
  command: Command,
  parts: Parts,
  work: (client: Client) => Promise<Result>,
  mode: 'reads' | 'changes' = 'reads',
): Promise<Result> {
  const { url, databaseUrl } = command.optsWithGlobals<TargetOptions>();
  if (databaseUrl === undefined) {
    return work(new Client({ url: url.replace(/\/$/, ''), token: process.env['LEASEHOLD_TOKEN'] ?? null }));
  }
  const config = readConfig({ ...process.env, DATABASE_URL: databaseUrl, LEASEHOLD_ROLE: 'api' });
  const service = await parts.serve(config, mode);
  try {
    return await work(new Client(service));
  } finally {
    await service.close();
  }
}

function withQuery(path: string, query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one !== undefined) parameters.append(name, String(one));
  }
  return parameters.size === 0 ? path : `${path}?${parameters.toString()}`;
}
