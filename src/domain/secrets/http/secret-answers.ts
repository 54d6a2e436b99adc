import { ApiProperty } from '@nestjs/swagger';
import type { SecretJson } from '../secret-json.js';
import type { MadeFor } from '../state.js';

const UUID = { type: 'string', format: 'uuid' } as const;
const TIME = { type: 'string', format: 'date-time' } as const;

export class MadeForAnswer implements MadeFor {
  @ApiProperty(UUID) environmentId!: string;
  @ApiProperty({ description: 'The config field that the value came from.' }) field!: string;
}

/** The OpenAPI schema of a secret. */
export class SecretAnswer implements SecretJson {
  @ApiProperty(UUID) id!: string;
  @ApiProperty(UUID) companyId!: string;
  @ApiProperty() name!: string;
  @ApiProperty({ description: 'The version that `latest` refers to. Versions start at 1.' }) latestVersion!: number;
  @ApiProperty({ type: MadeForAnswer, nullable: true, description: 'Null: a caller created it.' })
  madeFor!: MadeForAnswer | null;
  @ApiProperty(TIME) createdAt!: string;
  @ApiProperty({ ...TIME, description: 'When it got its newest value.' }) updatedAt!: string;
  @ApiProperty({ description: 'The number of its events.' }) version!: number;
  @ApiProperty({ description: 'Log position of its newest event.' }) position!: number;
}

export class SecretPageAnswer {
  @ApiProperty({ type: [SecretAnswer] }) items!: SecretAnswer[];
  @ApiProperty({
    type: 'string',
    nullable: true,
    description: 'Send it as `cursor` for the next page. Null on the last page.',
  })
  nextCursor!: string | null;
}

export const SECRET_EXAMPLE: SecretAnswer = {
  id: '019ab7a1-2b4c-7d10-8e21-3c5d7e9f1a02',
  companyId: '3f0c9a52-8a4e-4d0b-9a57-6f1e2d3c4b5a',
  name: 'Deploy key',
  latestVersion: 1,
  madeFor: null,
  createdAt: '2026-11-23T11:34:00.040Z',
  updatedAt: '2026-11-23T11:34:00.040Z',
  version: 1,
  position: 811,
};
