import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { EventDefinition } from '../../event-sourcing/event-log/index.js';
import { ERRORS, type ErrorCode } from '../../errors/catalogue.js';
import { codesByStatus, problemResponse } from './api-docs.js';
import { errorDocsPage } from './error-docs-page.js';
import { headerParameter, LEASE_FENCE_DOCS } from './request-headers.js';
import { isLeaseCommand, type Requirement } from './requires.js';
import { packageVersion } from './package-version.js';
import { ERROR_DOCS_PATH, PROBLEM_MEDIA_TYPE } from './problem.js';
import { pagePolicy } from './safe-headers.js';
import { swaggerUiRoutes } from './swagger-ui.js';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Schemas = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>;

const ANY_ROUTE: readonly ErrorCode[] = [
  'validation_failed',
  'unauthenticated',
  'permission_denied',
  'foreign_host',
  'foreign_origin',
  'overloaded',
  'database_unavailable',
  'database_read_only',
  'database_full',
  'database_overloaded',
  'recorded_by_newer_release',
  'internal_error',
];
const ANY_BODY: readonly ErrorCode[] = ['malformed_json', 'payload_too_large', 'unsupported_media_type'];

const ANY_LEASE_COMMAND: readonly ErrorCode[] = ['stale_fence', 'fence_mismatch', 'fence_required'];

const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;

/**
 * `/api/docs`, `/api/docs/errors` and `/api/openapi.json`; call it before the app is initialised.
 * @param events whose schemas the document publishes
 */
export function setupOpenApi(app: NestFastifyApplication, events: readonly EventDefinition[]): void {
  const adapter = app.getHttpAdapter();
  // Made when it is first asked for, so that the start does not wait for it.
  let json: string | undefined;
  adapter.get('/api/openapi.json', (_request: FastifyRequest, reply: FastifyReply) => {
    json ??= JSON.stringify(createOpenApiDocument(app, events));
    void reply.type('application/json; charset=utf-8').send(json);
  });
  adapter.get(ERROR_DOCS_PATH, (_request: FastifyRequest, reply: FastifyReply) => {
    void reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', pagePolicy("default-src 'none'; style-src 'unsafe-inline'"))
      .send(errorDocsPage());
  });
  for (const [path, answer] of swaggerUiRoutes()) adapter.get(path, answer);
}

export function createOpenApiDocument(
  app: NestFastifyApplication,
  events: readonly EventDefinition[] = [],
): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('Leasehold')
    .setDescription(
      'Time-bounded leases on execution environments. Every error is an RFC 9457 problem with a stable `code`.',
    )
    .setVersion(packageVersion())
    .setOpenAPIVersion('3.1.0')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'A token: `lh_<id>_<secret>`.' }, 'token')
    .addSecurityRequirements('token')
    .build();
  const document = SwaggerModule.createDocument(app, config);
  for (const [url, path] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = path[method];
      if (operation) addCommon(operation, method, url);
    }
  }
  return {
    ...document,
    components: {
      ...document.components,
      schemas: { ...document.components?.schemas, ...problemSchemas(), ...eventSchemas(events) },
    },
  };
}

/** What routes of a kind all take and answer, so that none of them can forget it. */
function addCommon(operation: Operation, method: string, url: string): void {
  const { responses } = operation;
  const requirement = (operation as { 'x-requires'?: Requirement })['x-requires'];
  const isOfLease = isLeaseCommand(method, requirement);
  if (isOfLease)
    operation.parameters = [...(operation.parameters ?? []), { in: 'header', ...headerParameter(LEASE_FENCE_DOCS) }];
  const codes = [
    ...ANY_ROUTE,
    ...(operation.requestBody ? ANY_BODY : []),
    ...(isOfLease ? ANY_LEASE_COMMAND : []),
    ...(url.includes('{companyId}') ? (['company_not_found'] as const) : []),
  ];
  for (const [status, sameStatus] of codesByStatus(codes)) {
    const declared = declaredCodes(responses[status]);
    responses[status] = problemResponse([...declared, ...sameStatus.filter((code) => !declared.includes(code))]);
  }
}

/** The codes that `ApiProblems` has put there: the names of the examples. */
function declaredCodes(response: Operation['responses'][string] | undefined): ErrorCode[] {
  const content = response && 'content' in response ? response.content : undefined;
  const names = Object.keys(content?.[PROBLEM_MEDIA_TYPE]?.examples ?? {});
  return names.filter((name): name is ErrorCode => Object.hasOwn(ERRORS, name));
}

function problemSchemas(): Schemas {
  const text = { type: 'string' } as const;
  return {
    FieldError: {
      type: 'object',
      required: ['field', 'message'],
      properties: { field: { ...text, description: 'A path such as `config.image`.' }, message: text },
    },
    Problem: {
      type: 'object',
      description: 'RFC 9457 problem details.',
      required: ['type', 'title', 'status', 'detail', 'code', 'remedy', 'requestId', 'instance'],
      properties: {
        type: { ...text, format: 'uri-reference' },
        title: text,
        status: { type: 'integer' },
        detail: { ...text, description: 'One sentence about this occurrence.' },
        code: { ...text, enum: Object.keys(ERRORS) },
        remedy: { ...text, description: 'What to do about it.' },
        requestId: { ...text, format: 'uuid' },
        instance: { ...text, format: 'uri-reference', description: 'The path of the request.' },
        errors: { type: 'array', items: { $ref: '#/components/schemas/FieldError' } },
        reasonCode: { ...text, nullable: true },
        leaseStatus: { ...text, description: 'How a lease that has ended did.' },
        endedAt: { ...text, format: 'date-time', nullable: true, description: 'When; null while it is ending.' },
        leaseIds: { type: 'array', items: { ...text, format: 'uuid' } },
        leaseId: { ...text, format: 'uuid' },
        environmentId: { ...text, format: 'uuid' },
        environmentIds: { type: 'array', items: { ...text, format: 'uuid' } },
        actualVersion: { type: 'integer' },
      },
    },
  };
}

/** `Event` is any of them, told apart by `type`; each has a schema of that name. */
function eventSchemas(events: readonly EventDefinition[]): Schemas {
  const ref = (type: string): string => `#/components/schemas/${type}`;
  const text = { type: 'string' } as const;
  const uuid = { ...text, format: 'uuid' } as const;
  const uuidOrNull = { type: ['string', 'null'], format: 'uuid' };
  const envelope = {
    position: { type: 'integer', minimum: 1, description: 'Position in the log: without gaps, in commit order.' },
    stream: text,
    version: { type: 'integer', minimum: 1, description: 'Position in its stream.' },
    id: uuid,
    type: text,
    schemaVersion: { type: 'integer', minimum: 1 },
    companyId: uuid,
    actor: text,
    correlationId: { ...uuidOrNull, description: 'The request that caused it.' },
    causationId: { ...uuidOrNull, description: 'The event that caused it.' },
    recordedAt: { ...text, format: 'date-time' },
    data: { description: 'As recorded.' },
  };
  const schemas = events.map(({ type, schemaVersion, schema }) => {
    const own = { type: { const: type }, schemaVersion: { const: schemaVersion }, data: schema };
    const properties = { ...envelope, ...own };
    return [type, { type: 'object', required: Object.keys(properties), properties }];
  });
  if (events.length === 0) return {};
  // What a newer release recorded, of a type or in a version that this one does not know.
  const newer = { ...envelope, notUnderstood: { const: true } };
  const NewerEvent = { type: 'object', required: Object.keys(newer), properties: newer };
  const mapping = Object.fromEntries(events.map(({ type }) => [type, ref(type)]));
  const any = {
    oneOf: [...events.map(({ type }) => ({ $ref: ref(type) })), { $ref: ref('NewerEvent') }],
    discriminator: { propertyName: 'type', mapping },
  };
  return { ...(Object.fromEntries(schemas) as Schemas), NewerEvent: NewerEvent as Schemas[string], Event: any };
}
