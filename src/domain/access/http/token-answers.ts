import { ApiProperty } from '@nestjs/swagger';
import type { TokenJson } from '../token-json.js';

const TIME_OR_NULL = { type: 'string', format: 'date-time', nullable: true } as const;

export class TokenAnswer implements TokenJson {
  @ApiProperty({ type: 'string', format: 'uuid' }) id!: string;
  @ApiProperty() name!: string;
  @ApiProperty({ type: 'array', items: { type: 'string', format: 'uuid' }, nullable: true })
  companies!: readonly string[] | null;
  @ApiProperty({ type: 'array', items: { type: 'string' } }) permissions!: readonly string[];
  @ApiProperty({ type: 'string', format: 'date-time' }) createdAt!: string;
  @ApiProperty(TIME_OR_NULL) expiresAt!: string | null;
  @ApiProperty({ ...TIME_OR_NULL, description: 'Accurate to one minute.' }) lastUsedAt!: string | null;
  @ApiProperty(TIME_OR_NULL) revokedAt!: string | null;
}

export class MadeTokenAnswer extends TokenAnswer {
  @ApiProperty({ description: 'Send it as `Authorization: Bearer …`. Only this answer contains it.' })
  value!: string;
}

export class TokenListAnswer {
  @ApiProperty({ type: [TokenAnswer] }) items!: TokenAnswer[];
  @ApiProperty({ type: 'string', nullable: true }) nextCursor!: null;
}

export const TOKEN_EXAMPLE: TokenAnswer = {
  id: '019ab7a4-1f2e-7a63-b452-9d0c7e8f5a41',
  name: 'CI',
  companies: ['3f0c9a52-8a4e-4d0b-9a57-6f1e2d3c4b5a'],
  permissions: ['leases:acquire'],
  createdAt: '2026-11-23T11:35:00.120Z',
  expiresAt: '2027-11-23T00:00:00.000Z',
  lastUsedAt: null,
  revokedAt: null,
};
