import { Controller, Get, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ApiAnswer, Requires } from '../../http/index.js';
import { ReadinessCheck, type Readiness } from '../readiness.js';

const READY: Readiness = {
  ready: true,
  checks: {
    database: { ok: true, detail: 'answers' },
    migrations: { ok: true, detail: 'all have been run' },
    projections: { ok: true, detail: 'all have caught up' },
    subscriptions: { ok: true, detail: 'all events are understood' },
    queue: { ok: true, detail: 'takes effects' },
    background: { ok: true, detail: 'succeeds' },
    shutdown: { ok: true, detail: 'no shutdown was requested' },
  },
};
const NOT_READY: Readiness = {
  ready: false,
  checks: { ...READY.checks, database: { ok: false, detail: 'no answer within 2000 ms' } },
};

@ApiTags('operations')
@Controller('api')
export class HealthController {
  constructor(private readonly readiness: ReadinessCheck) {}

  @Get('health')
  @Requires(null, 'service')
  @ApiOperation({ summary: 'Check that the process is alive' })
  @ApiAnswer({ status: 200, description: 'It is alive.', example: { status: 'ok' } })
  health(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('ready')
  @Requires(null, 'service')
  @ApiOperation({
    summary: 'Check that the service is ready',
    description: 'Checks the database, migrations, projections, subscriptions, the queue and background work.',
  })
  @ApiAnswer({ status: 200, description: 'It is ready.', example: READY })
  @ApiAnswer({ status: 503, description: 'It is not ready. Each failed check says why.', example: NOT_READY })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<Readiness> {
    const readiness = await this.readiness.check();
    if (!readiness.ready) void reply.status(503);
    return readiness;
  }
}
