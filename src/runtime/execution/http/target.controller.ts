import { Controller, Get, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import type { FastifyReply } from 'fastify';
import { DriverRegistry } from '../../../domain/driver-contract/driver-registry.js';
import type { ExecutionTarget } from '../../../domain/driver-contract/runtime-driver.js';
import { LeaseholdError } from '../../../errors/catalogue.js';
import { ApiAnswer, ApiProblems, Requires, UuidParam } from '../../../platform/http/index.js';
import { supportsDriver } from '../../../domain/leases/decide.js';
import { ADAPTER_TYPES, type AdapterType } from '../../../domain/leases/lease-names.js';
import { LeaseStore } from '../../../domain/leases/lease-store.js';

class TargetQuery {
  @ApiPropertyOptional({ enum: ADAPTER_TYPES })
  @IsOptional()
  @IsIn(ADAPTER_TYPES)
  adapterType?: AdapterType;
}

export class TargetAnswer {
  @ApiProperty({ enum: ['local', 'remote'] }) kind!: 'local' | 'remote';
  @ApiProperty({ type: 'string', format: 'uuid' }) environmentId!: string;
  @ApiProperty({ type: 'string', format: 'uuid' }) leaseId!: string;
}

const TARGET_EXAMPLE: TargetAnswer = {
  kind: 'local',
  environmentId: '019ab7a2-5d3e-7c41-8f60-2b9d7a1c4e05',
  leaseId: '019ab7a3-0c1d-7f52-9a41-92f1b0a7c6d7',
};

@ApiTags('leases')
@Controller('api')
export class TargetController {
  constructor(
    private readonly leases: LeaseStore,
    private readonly drivers: DriverRegistry,
  ) {}

  @Get('environment-leases/:leaseId/execution-target')
  @Requires('leases:operate', 'lease')
  @ApiOperation({
    summary: 'Get the execution target of a lease',
    description: 'How to reach the leased environment. Null if the adapter may not run there. Contains no secrets.',
  })
  @ApiAnswer({ status: 200, description: 'The target.', type: TargetAnswer, example: TARGET_EXAMPLE })
  @ApiProblems('lease_not_found', 'lease_not_active', 'unsupported_environment')
  async target(
    @UuidParam('leaseId') leaseId: string,
    @Query() { adapterType }: TargetQuery,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { state } = await this.leases.current(leaseId);
    if (state.status !== 'active') {
      throw new LeaseholdError('lease_not_active', `The lease is ${state.status}.`, { leaseId });
    }
    const { companyId, fence, terms, grant } = state;
    const { environmentId, driver: name, provider } = terms;
    const { providerLeaseId, teardown } = grant;
    const mayRun = adapterType === undefined || supportsDriver(adapterType, name);
    const held = { companyId, leaseId, fence, providerLeaseId, teardown, environmentId };
    const target: ExecutionTarget | null = mayRun ? this.drivers.named(name, provider).executionTarget(held) : null;
    // Nest would send nothing for null.
    await reply.header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(target));
  }
}
