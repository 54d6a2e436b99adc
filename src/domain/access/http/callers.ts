import { timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LeaseholdError } from '../../../errors/catalogue.js';
import { PERMISSIONS, type Caller } from '../../../platform/http/index.js';
import { TokenDirectory } from '../token-directory.js';

const LOCAL_OPERATOR: Caller = { actor: 'operator:local', companies: null, permissions: new Set(['admin']) };

/** A token that counts in this process alone, for whoever runs it as the database's operator; null: there is none. */
export const OPERATOR_TOKEN = Symbol('OperatorToken');

/** A user who can reach the database with the service's settings is its operator. */
const DATABASE_OPERATOR: Caller = { ...LOCAL_OPERATOR, actor: 'operator:cli' };

/** Finds out who sends a request. */
@Injectable()
export class Callers {
  constructor(
    private readonly tokens: TokenDirectory,
    @Inject(OPERATOR_TOKEN) private readonly operatorToken: string | null,
  ) {}

  /** @throws LeaseholdError unauthenticated; the answer then says how to authenticate */
  async of(request: FastifyRequest, reply: FastifyReply): Promise<Caller> {
    const { authorization } = request.headers;
    if (authorization === undefined) {
      if (isLocal(request) && !(await this.tokens.anyMade())) return LOCAL_OPERATOR;
      throw unauthenticated(reply, 'The request has no token.', 'Bearer realm="leasehold"');
    }
    const [, value = ''] = /^Bearer +(\S+) *$/i.exec(authorization) ?? [];
    if (this.operatorToken !== null && isSame(value, this.operatorToken)) return DATABASE_OPERATOR;
    const token = await this.tokens.find(value);
    if (token === null) {
      const challenge = 'Bearer realm="leasehold", error="invalid_token"';
      throw unauthenticated(reply, 'The token is unknown, revoked or expired.', challenge);
    }
    return {
      actor: `token:${token.id}`,
      companies: token.companies && new Set(token.companies),
      permissions: new Set(PERMISSIONS.filter((permission) => token.permissions.includes(permission))),
    };
  }
}

function unauthenticated(reply: FastifyReply, detail: string, challenge: string): LeaseholdError {
  void reply.header('WWW-Authenticate', challenge);
  return new LeaseholdError('unauthenticated', detail);
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function isLocal(request: FastifyRequest): boolean {
  return /^(?:::ffff:)?127\.|^::1$/.test(request.raw.socket.remoteAddress ?? '');
}
