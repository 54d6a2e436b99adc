import { Body, Controller, Get, HttpCode, Post, Res } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { IsIn, ValidateIf } from 'class-validator';
import type { FastifyReply } from 'fastify';
import type { CommandContext } from '../../../event-sourcing/commands/command-context.js';
import { DriverRegistry } from '../../../domain/driver-contract/driver-registry.js';
import type { JsonObject, ProbeResult } from '../../../domain/driver-contract/runtime-driver.js';
import { ENVIRONMENT_DRIVERS, type EnvironmentDriver } from '../../../domain/driver-contract/driver-names.js';
import {
  ApiAnswer,
  ApiProblems,
  ApiRequest,
  Context,
  IsJsonObject,
  Requires,
  UuidParam,
} from '../../../platform/http/index.js';
import { capabilitiesOf, type Capabilities } from '../capabilities.js';
import { Probes } from '../probes.js';

export class ProbeConfigBody {
  @ApiProperty({ enum: ENVIRONMENT_DRIVERS })
  @IsIn(ENVIRONMENT_DRIVERS)
  driver!: EnvironmentDriver;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true, description: 'As in an environment. Not stored.' })
  @ValidateIf((_body, value) => value !== undefined)
  @IsJsonObject()
  config?: JsonObject;
}

export class ProbeAnswer implements ProbeResult {
  @ApiProperty() ok!: boolean;
  @ApiProperty({ enum: ENVIRONMENT_DRIVERS }) driver!: EnvironmentDriver;
  @ApiProperty({ description: 'One sentence for people.' }) summary!: string;
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true }) details!: JsonObject | null;
}

export class CapabilitiesAnswer implements Capabilities {
  @ApiProperty({ type: 'array', items: { type: 'object' } }) adapters!: Capabilities['adapters'];
  @ApiProperty({ type: 'object', additionalProperties: true }) drivers!: Capabilities['drivers'];
  @ApiProperty({ type: 'object', additionalProperties: true }) sandboxProviders!: Capabilities['sandboxProviders'];
}

const PROBE_EXAMPLE: ProbeAnswer = {
  ok: true,
  driver: 'local',
  summary: 'Local work runs on the caller’s machine; there is nothing to connect to.',
  details: null,
};

@ApiTags('environments')
@Controller('api')
export class ProbesController {
  constructor(
    private readonly probes: Probes,
    private readonly drivers: DriverRegistry,
  ) {}

  @Post('environments/:id/probe')
  @HttpCode(200)
  @Requires('environments:manage', 'environment')
  @ApiOperation({
    summary: 'Probe an environment',
    description: 'A failed probe also returns 200. The result is recorded.',
  })
  @ApiAnswer({ status: 200, description: 'The result.', type: ProbeAnswer, example: PROBE_EXAMPLE })
  @ApiProblems('environment_not_found', 'unsupported_environment', 'version_conflict', 'idempotency_key_reused')
  async probe(
    @UuidParam('id') environmentId: string,
    @Context() context: CommandContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProbeResult> {
    const { result, position } = await this.probes.ofEnvironment(environmentId, context);
    void reply.header('X-Event-Position', position);
    return result;
  }

  @Post('companies/:companyId/environments/probe-config')
  @HttpCode(200)
  @Requires('environments:manage', 'company')
  @ApiOperation({ summary: 'Probe a config that is not stored', description: 'Nothing is recorded.' })
  @ApiRequest(ProbeConfigBody, { local: { summary: 'This machine', value: { driver: 'local', config: {} } } })
  @ApiAnswer({ status: 200, description: 'The result.', type: ProbeAnswer, example: PROBE_EXAMPLE })
  @ApiProblems('unsupported_environment', 'driver_unavailable')
  probeConfig(
    @UuidParam('companyId') companyId: string,
    @Body() { driver, config = {} }: ProbeConfigBody,
  ): Promise<ProbeResult> {
    return this.probes.ofConfig(companyId, driver, config);
  }

  @Get('companies/:companyId/environments/capabilities')
  @Requires(null, 'company')
  @ApiOperation({ summary: 'Get the supported adapters and drivers' })
  @ApiAnswer({
    status: 200,
    description: 'By adapter, driver and sandbox provider.',
    type: CapabilitiesAnswer,
    example: capabilitiesOf([]),
  })
  capabilities(@UuidParam('companyId') _companyId: string): Capabilities {
    return capabilitiesOf(this.drivers.drivers);
  }
}
