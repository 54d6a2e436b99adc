import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { LeaseSecretUses } from './leases/secret-uses.js';
import { CreateSecretHandler } from './secrets/commands/create-secret.js';
import { DeleteSecretHandler } from './secrets/commands/delete-secret.js';
import { RotateSecretHandler } from './secrets/commands/rotate-secret.js';
import { SecretsController } from './secrets/http/secrets.controller.js';
import { ListSecretsHandler } from './secrets/queries/list-secrets.js';
import { SecretRow } from './secrets/secret-row.js';
import { SECRET_USE_FINDER } from './secrets/secret-uses.js';

/** The routes of secrets. It is here because what refers to a secret is above the folder of secrets. */
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
