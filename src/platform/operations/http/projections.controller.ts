import { Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { ApiAnswer, ApiProblems, Requires } from '../../http/index.js';
import { Projections, type ProjectionStatus, type Verification } from '../../../event-sourcing/projections/index.js';

const STATUS: ProjectionStatus = {
  name: 'leases',
  codeVersion: 1,
  version: 1,
  generation: 1,
  subscription: 'leases@1',
  checkpoint: 812,
  head: 812,
  lag: 0,
  state: 'live',
  parked: 0,
  rebuild: null,
  old: [],
};

const VERIFIED: Verification = {
  name: STATUS.name,
  generation: 1,
  position: 812,
  rows: 97,
  undecided: 0,
  events: 640,
  differing: 1,
  differences: [
    {
      key: '0198a3c2-7b1e-7c3a-9f00-3f5f0c1d2e4b',
      kind: 'different',
      fields: [{ field: 'status', expected: 'released', actual: 'active' }],
    },
  ],
};

@ApiTags('operations')
@Controller('api/projections')
export class ProjectionsController {
  constructor(private readonly projections: Projections) {}

  @Get()
  @Requires('admin', 'service')
  @ApiOperation({
    summary: 'List the read models',
    description: 'With version, checkpoint, lag, and a running rebuild.',
  })
  @ApiAnswer({ status: 200, description: 'All of them.', example: { items: [STATUS], nextCursor: null } })
  async list(): Promise<{ items: ProjectionStatus[]; nextCursor: null }> {
    return { items: await this.projections.status(), nextCursor: null };
  }

  @Post(':name/rebuild')
  @Requires('admin', 'service')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Rebuild a read model',
    description: 'Beside the live one, from the first event on. The rebuild becomes live once it has caught up.',
  })
  @ApiParam({ name: 'name', example: STATUS.name })
  @ApiAnswer({ status: 202, description: 'Begun.', example: { name: STATUS.name, generation: 2 } })
  @ApiProblems('projection_not_found', 'projection_rebuilding')
  async rebuild(@Param('name') name: string): Promise<{ name: string; generation: number }> {
    return { name, generation: await this.projections.rebuild(name) };
  }

  @Post(':name/verify')
  @Requires('admin', 'service')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Compare a read model with the log',
    description: 'Row by row, with the fold of the handled events. Nothing stops meanwhile.',
  })
  @ApiParam({ name: 'name', example: STATUS.name })
  @ApiAnswer({ status: 200, description: 'The first 100 rows that differ.', example: VERIFIED })
  @ApiProblems('projection_not_found', 'read_model_behind')
  verify(@Param('name') name: string): Promise<Verification> {
    return this.projections.verify(name);
  }

  @Delete(':name/rebuild')
  @Requires('admin', 'service')
  @ApiOperation({ summary: 'Cancel a rebuild' })
  @ApiParam({ name: 'name', example: STATUS.name })
  @ApiAnswer({
    status: 200,
    description: 'Whether a rebuild was running.',
    example: { name: STATUS.name, cancelled: true },
  })
  @ApiProblems('projection_not_found')
  async cancel(@Param('name') name: string): Promise<{ name: string; cancelled: boolean }> {
    return { name, cancelled: await this.projections.cancelRebuild(name) };
  }

  @Delete(':name/old')
  @Requires('admin', 'service')
  @ApiOperation({ summary: 'Drop the tables that rebuilds have replaced' })
  @ApiParam({ name: 'name', example: STATUS.name })
  @ApiAnswer({
    status: 200,
    description: 'The generations that were dropped.',
    example: { name: STATUS.name, dropped: [1] },
  })
  @ApiProblems('projection_not_found')
  async dropOld(@Param('name') name: string): Promise<{ name: string; dropped: number[] }> {
    return { name, dropped: await this.projections.dropOld(name) };
  }
}
