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
    summary: 'Get the newest seal of the log',
    description: 'Keep a copy outside of the database: it later shows whether the history before it was rewritten.',
  })
  @ApiAnswer({ status: 200, description: 'With the public keys of the seals.', example: HEAD_EXAMPLE })
  head(): Promise<AuditHead> {
    return this.trail.head();
  }

  @Post('verify')
  @Requires('audit:read', 'service')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Check the log against its seals',
    description:
      'Checks every event of each seal in the range. Events newer than the last seal cannot be checked yet; `unsealedEvents` counts them. Also compares tokens with the events that created and revoked them.',
  })
  @ApiRequest(VerifyBody, {
    all: { summary: 'All of it', value: {} },
    range: { summary: 'Some events', value: { from: 1, to: 5000 } },
    kept: { summary: 'Against a kept seal', value: { knownHead: SEAL_EXAMPLE } },
  })
  @ApiAnswer({ status: 200, description: 'The problems, each with its place.', example: VERIFICATION_EXAMPLE })
  verify(@Body() { from = null, to = null, knownHead = null }: VerifyBody): Promise<Verification> {
    return this.trail.verify({ from, to, knownHead });
  }

  @Get('export')
  @Requires('audit:read', 'service')
  @ApiOperation({
    summary: 'Export the log with its seals',
    description:
      'NDJSON. `leasehold audit verify-export <file>` checks it with the public key alone. Without `environments:manage`, events that show a config appear only as hashes.',
  })
  @ApiAnswer({ status: 200, description: 'Whole seals, then the events that are not sealed yet.', example: {} })
  export(@Query() { from = null, to = null }: ExportQuery, @From() caller: Caller): StreamableFile {
    const lines = this.trail.export(from, to, may(caller, 'environments:manage'));
    return new StreamableFile(Readable.from(lines, { objectMode: false }), {
      type: 'application/x-ndjson',
      disposition: 'attachment; filename="leasehold-log.ndjson"',
    });
  }
}
