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
    shutdown: { ok: true, detail: 'nobody has asked for it' },
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
  @ApiOperation({ summary: 'Whether the process lives' })
  @ApiAnswer({ status: 200, description: 'It does.', example: { status: 'ok' } })
  health(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('ready')
  @Requires(null, 'service')
  @ApiOperation({
    summary: 'Whether it can serve',
    description: 'Database, migrations, projections, subscriptions, queue and work in the background are in order.',
  })
  @ApiAnswer({ status: 200, description: 'It can.', example: READY })
  @ApiAnswer({ status: 503, description: 'It cannot; each check says why.', example: NOT_READY })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<Readiness> {
    const readiness = await this.readiness.run();
    if (!readiness.ready) void reply.status(503);
    return readiness;
  }
}
