import { Readable } from 'node:stream';
import { Body, Controller, Get, HttpCode, Post, Query, StreamableFile } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiAnswer, ApiRequest, From, may, Requires, type Caller } from '../../../platform/http/index.js';
import { AuditTrail, type AuditHead } from '../audit-trail.js';
import type { Verification } from '../verification.js';
import { ExportQuery, VerifyBody } from './audit-bodies.js';
import { HEAD_EXAMPLE, SEAL_EXAMPLE, VERIFICATION_EXAMPLE } from './audit-examples.js';

/** The log is of all companies, and so are its seals. */
@ApiTags('audit')
@Controller('api/audit')
export class AuditController {
  constructor(private readonly trail: AuditTrail) {}

  @Get('head')
  @Requires('audit:read', 'service')
  @ApiOperation({
    summary: 'The newest seal of the log',
    description: 'Kept somewhere else, it is what later shows that history before it was not rewritten.',
  })
  @ApiAnswer({ status: 200, description: 'With the keys that seals are signed by.', example: HEAD_EXAMPLE })
  head(): Promise<AuditHead> {
    return this.trail.head();
  }

  @Post('verify')
  @Requires('audit:read', 'service')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Check the log against its seals',
    description:
      'Every event of the seals that the range touches is looked at. What is newer than the last seal cannot be checked yet: `unsealedEvents` says how many those are. Tokens are compared with the events that made and revoked them.',
  })
  @ApiRequest(VerifyBody, {
    all: { summary: 'All of it', value: {} },
    range: { summary: 'Some events', value: { from: 1, to: 5000 } },
    kept: { summary: 'Against a seal that was kept', value: { knownHead: SEAL_EXAMPLE } },
  })
  @ApiAnswer({ status: 200, description: 'What was found, and where.', example: VERIFICATION_EXAMPLE })
  verify(@Body() { from = null, to = null, knownHead = null }: VerifyBody): Promise<Verification> {
    return this.trail.verify({ from, to, knownHead });
  }

  @Get('export')
  @Requires('audit:read', 'service')
  @ApiOperation({
    summary: 'The log with its seals',
    description:
      'NDJSON. `leasehold audit verify-export <file>` checks it with the public key alone. Without `environments:manage` events that show a config are there by their hash alone.',
  })
  @ApiAnswer({ status: 200, description: 'Whole seals; the events that have none yet come last.', example: {} })
  export(@Query() { from = null, to = null }: ExportQuery, @From() caller: Caller): StreamableFile {
    const lines = this.trail.export(from, to, may(caller, 'environments:manage'));
    return new StreamableFile(Readable.from(lines, { objectMode: false }), {
      type: 'application/x-ndjson',
      disposition: 'attachment; filename="leasehold-log.ndjson"',
    });
  }
}
