import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiAnswer, ApiProblems, From, may, Requires, UuidParam, type Caller } from '../../../platform/http/index.js';
import { AuditTrail } from '../audit-trail.js';
import type { LeaseProof } from '../verify-proof.js';
import { LEASE_PROOF_EXAMPLE } from './audit-examples.js';

@ApiTags('audit')
@Controller('api/environment-leases')
export class LeaseProofController {
  constructor(private readonly trail: AuditTrail) {}

  @Get(':leaseId/proof')
  @Requires(['audit:read', 'environments:manage', 'leases:operate'], 'lease')
  @ApiOperation({
    summary: 'Prove that the events of a lease are in the sealed log',
    description:
      'For each event, the hashes from it to the root of its signed seal (RFC 9162, 2.1.3). Without `environments:manage`, an event that shows a part of the config is null; the proof covers its `leafHash`.',
  })
  @ApiAnswer({ status: 200, description: 'The events with their seals.', example: LEASE_PROOF_EXAMPLE })
  @ApiProblems('lease_not_found')
  prove(@UuidParam('leaseId') leaseId: string, @From() caller: Caller): Promise<LeaseProof> {
    return this.trail.prove(leaseId, may(caller, 'environments:manage'));
  }
}
