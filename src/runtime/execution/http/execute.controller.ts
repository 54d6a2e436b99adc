import { Body, Controller, Headers, HttpCode, Inject, Post, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { finished } from 'node:stream/promises';
import { Readable } from 'node:stream';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { CONFIG, type Config } from '../../../platform/config/config.js';
import { LeaseholdError } from '../../../errors/catalogue.js';
import {
  ApiAnswer,
  ApiProblems,
  ApiRequest,
  beginEventStream,
  Context,
  Gone,
  Requires,
  UuidParam,
} from '../../../platform/http/index.js';
import { failureOf, INTERNAL_FAILURE } from '../../../platform/http/failure.js';
import { BoundedOutput } from '../bounded-output.js';
import { Executions, type ExecutionWish } from '../executions.js';
import { EventOutput, sendEvent } from './event-output.js';
import { ExecuteBody, EXECUTION_EXAMPLE, ExecutionAnswer } from './execute-bodies.js';

const MAX_OUTPUT = 1024 * 1024;
const HEARTBEAT_MS = 15_000;

@ApiTags('leases')
@Controller('api')
export class ExecuteController {
  constructor(
    private readonly executions: Executions,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @Post('environment-leases/:leaseId/execute')
  @HttpCode(200)
  @Requires('leases:operate', 'lease')
  @ApiOperation({
    summary: 'Run a command in a lease',
    description:
      'With `Accept: text/event-stream`, its output is streamed as the events `stdout` and `stderr`, and ends with `result` or `error`. If the caller disconnects, the command is stopped. With an `Idempotency-Key` it runs only once; a repeat does not return its output.',
  })
  @ApiRequest(ExecuteBody, { version: { summary: 'A program', value: { command: 'node', args: ['--version'] } } })
  @ApiAnswer({ status: 200, description: 'It has ended.', type: ExecutionAnswer, example: EXECUTION_EXAMPLE })
  @ApiProblems(
    'lease_not_found',
    'lease_not_active',
    'lease_ended',
    'execution_not_repeatable',
    'unsupported_operation',
    'stale_fence',
    'sandbox_elsewhere',
    'execution_failed',
    'version_conflict',
    'idempotency_key_reused',
  )
  async execute(
    @UuidParam('leaseId') leaseId: string,
    @Body() body: ExecuteBody,
    @Context() context: CommandContext,
    @Gone() gone: AbortSignal,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('accept') accept = '',
  ): Promise<ExecutionAnswer | undefined> {
    const wish = this.wishOf(body);
    const { lease, executionId } = await this.executions.begin(leaseId, wish, context);
    const stdin = body.stdin ? Readable.from([Buffer.from(body.stdin)]) : null;
    const run = (stdout: BoundedOutput | EventOutput, stderr: BoundedOutput | EventOutput, truncated: () => boolean) =>
      this.executions.execute(lease, executionId, wish, { stdin, stdout, stderr, truncated }, context, gone);
    if (accept.includes('text/event-stream')) {
      await this.stream(reply, run);
      return undefined;
    }
    const [stdout, stderr] = [new BoundedOutput(MAX_OUTPUT), new BoundedOutput(MAX_OUTPUT)];
    const truncated = (): boolean => stdout.truncated || stderr.truncated;
    const execution = await run(stdout, stderr, truncated);
    return { ...execution, stdout: stdout.text(), stderr: stderr.text(), truncated: truncated() };
  }

  private async stream(
    reply: FastifyReply,
    run: (stdout: EventOutput, stderr: EventOutput, truncated: () => boolean) => Promise<object>,
  ): Promise<void> {
    const response = beginEventStream(reply);
    const heartbeat = setInterval(() => response.write(': still running\n\n'), HEARTBEAT_MS);
    const [stdout, stderr] = [new EventOutput(response, 'stdout'), new EventOutput(response, 'stderr')];
    try {
      const result = await run(stdout, stderr, () => false);
      await Promise.all([finished(stdout.end()), finished(stderr.end())]);
      sendEvent(response, 'result', { ...result, truncated: false });
    } catch (error) {
      const { code, detail, facts } = failureOf(error) ?? INTERNAL_FAILURE;
      sendEvent(response, 'error', { code, detail, ...facts });
    } finally {
      clearInterval(heartbeat);
      response.end();
    }
  }

  /** @throws LeaseholdError validation_failed */
  private wishOf({ command, args, cwd, env, timeoutMs }: ExecuteBody): ExecutionWish {
    const longest = this.config.budgets.executionMs;
    const errors = Object.entries(env ?? {})
      .filter(
        ([name, value]) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || typeof value !== 'string' || value.includes('\0'),
      )
      .map(([name]) => ({ field: `env.${name}`, message: `${name} must be a variable's name, with a text` }));
    if ((timeoutMs ?? 0) > longest)
      errors.push({ field: 'timeoutMs', message: `timeoutMs must be at most ${longest}` });
    if (errors.length > 0) throw new LeaseholdError('validation_failed', 'The command is not valid.', { errors });
    const variables = (env ?? {}) as Record<string, string>;
    return { command, args: args ?? [], cwd: cwd ?? null, env: variables, timeoutMs: timeoutMs ?? longest };
  }
}
