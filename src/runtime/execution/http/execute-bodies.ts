import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray, IsInt, IsOptional, IsString, Length, Matches, Min } from 'class-validator';
import { IsJsonObject } from '../../../platform/http/index.js';

/** What Postgres and a process's arguments cannot hold alike. */
const NO_NUL = /^[^\0]*$/;

export class ExecuteBody {
  @ApiProperty({ minLength: 1, maxLength: 4_096, description: 'A program. No shell interprets it.' })
  @IsString()
  @Length(1, 4_096)
  @Matches(NO_NUL)
  command!: string;

  @ApiPropertyOptional({
    type: 'array',
    items: { type: 'string' },
    maxItems: 1_000,
    nullable: true,
    description: 'The event log keeps 8 KiB of them, the beginning of each, and the SHA-256 digest of all of them.',
  })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(1_000)
  @IsString({ each: true })
  @Matches(NO_NUL, { each: true })
  args?: string[] | null;

  @ApiPropertyOptional({ type: 'string', nullable: true, description: 'Absolute, or within the workspace.' })
  @IsOptional()
  @IsString()
  @Length(1, 4_096)
  @Matches(NO_NUL)
  cwd?: string | null;

  @ApiPropertyOptional({ type: 'object', additionalProperties: { type: 'string' }, nullable: true })
  @IsOptional()
  @IsJsonObject()
  env?: Record<string, unknown> | null;

  @ApiPropertyOptional({ type: 'string', nullable: true, description: 'Its whole standard input.' })
  @IsOptional()
  @IsString()
  stdin?: string | null;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, nullable: true, description: 'It is stopped after this time.' })
  @IsOptional()
  @IsInt()
  @Min(1)
  timeoutMs?: number | null;
}

export class ExecutionAnswer {
  @ApiProperty({ type: 'string', format: 'uuid' }) executionId!: string;
  @ApiProperty({ type: 'integer', nullable: true }) exitCode!: number | null;
  @ApiProperty({
    type: 'string',
    nullable: true,
    description:
      'Such as SIGKILL. With an exit code of 129 or more it is a guess: on SSH hosts, a shell reports a signal as 128 plus its number.',
  })
  signal!: string | null;
  @ApiProperty() timedOut!: boolean;
  @ApiProperty() stdout!: string;
  @ApiProperty() stderr!: string;
  @ApiProperty({ description: 'The answer contains only the first MiB of each stream.' }) truncated!: boolean;
  @ApiProperty({ type: 'integer' }) durationMs!: number;
}

export const EXECUTION_EXAMPLE: ExecutionAnswer = {
  executionId: '019ab7a8-1d2e-7a63-8b11-0c9d8e7f6a5b',
  exitCode: 0,
  signal: null,
  timedOut: false,
  stdout: 'v20.20.2\n',
  stderr: '',
  truncated: false,
  durationMs: 41,
};
