import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { LeaseSecretUses } from '../domain/leases/secret-uses.js';
import { CreateSecretHandler } from '../domain/secrets/commands/create-secret.js';
import { DeleteSecretHandler } from '../domain/secrets/commands/delete-secret.js';
import { RotateSecretHandler } from '../domain/secrets/commands/rotate-secret.js';
import { SecretsController } from '../domain/secrets/http/secrets.controller.js';
import { ListSecretsHandler } from '../domain/secrets/queries/list-secrets.js';
import { SecretRow } from '../domain/secrets/secret-row.js';
import { SECRET_USE_FINDER } from '../domain/secrets/secret-uses.js';

/** The routes of secrets. Wired here: whether a secret is in use is known to leases, which stand above secrets. */
@Module({
  imports: [TypeOrmModule.forFeature([SecretRow])],
  controllers: [SecretsController],
  providers: [
    { provide: SECRET_USE_FINDER, useClass: LeaseSecretUses },
    CreateSecretHandler,
    RotateSecretHandler,
    DeleteSecretHandler,
    ListSecretsHandler,
  ],
})
export class SecretsModule {}
