import fc from 'fast-check';

const UNKNOWN = '018f4b6e-7a3c-7d21-9b0e-5c1d2e3f4a5b';

/** As much of the OpenAPI document as says what may be sent. */
export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly schema?: Schema }[];
  readonly requestBody?: {
    readonly content: Readonly<
      Record<
        string,
        { readonly schema?: Schema; readonly examples?: Readonly<Record<string, { readonly value: object }>> }
      >
    >;
  };
}

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Schema;
  readonly example?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
}

/** A request that was made up: of a route's own names, with values that are right, nearly right, or nonsense. */
export interface MadeUp {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

export interface Route {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly requests: fc.Arbitrary<MadeUp>;
}

/** Ids of what is there, by the name of the parameter or field: requests that name nothing would all be refused alike. */
export type Ids = Readonly<Record<string, readonly string[]>>;

export function routesOf({ paths, components }: ApiDocument, ids: Ids): Route[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path,
      requests: requestsOf(path, operation, components.schemas, ids),
    })),
  );
}

function requestsOf(
  path: string,
  { parameters = [], requestBody }: Operation,
  schemas: ApiDocument['components']['schemas'],
  ids: Ids,
): fc.Arbitrary<MadeUp> {
  const of = (place: string): Record<string, fc.Arbitrary<string>> =>
    Object.fromEntries(
      parameters
        .filter((parameter) => parameter.in === place)
        .map(({ name, schema = {} }) => [name, parameterText(name, schema, ids)]),
    );
  const ref = requestBody?.content['application/json']?.schema?.$ref?.split('/').at(-1);
  const fields = (ref === undefined ? undefined : schemas[ref]?.properties) ?? {};
  const query = fc.record({ ...of('query'), unknown: fc.constant('1') }, { requiredKeys: [] });
  const contentType = fc.oneof(
    { weight: 12, arbitrary: fc.constant('application/json') },
    fc.constantFrom('text/plain', 'application/json; charset=latin1', 'multipart/form-data', 'x'),
  );
  return fc
    .record({
      path: fc.record(of('path')),
      query: fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, query),
      headers: fc.record(of('header'), { requiredKeys: [] }),
      contentType,
      body: requestBody ? bodyText(fields, ids) : fc.constant(null),
    })
    .map(({ path: values, query, headers, contentType, body }) => ({
      path: filled(path, values) + queryText(query),
      headers: { ...headers, ...(body !== null && { 'content-type': contentType }) },
      body,
    }));
}

function filled(path: string, values: Readonly<Record<string, string>>): string {
  return path.replace(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(values[name] ?? ''));
}

function queryText(query: Readonly<Record<string, string>>): string {
  const text = new URLSearchParams(query).toString();
  return text === '' ? '' : `?${text}`;
}

function parameterText(name: string, schema: Schema, ids: Ids): fc.Arbitrary<string> {
  const nonsense = fc.string({ unit: fc.constantFrom(...'abz019-_.*"\'%;=,/ @'), minLength: 1, maxLength: 30 });
  return fc.oneof(
    {
      weight: 12,
      arbitrary: rightValue(name, schema, ids).map((value) =>
        Array.isArray(value) ? String(value[0]) : String(value),
      ),
    },
    fc.constantFrom('0', '-1', '1e9', '99999999999999999999', 'null', '*', '"1"', '%00', '.', '..'),
    nonsense.map((text) => (text.trim() === '' || /^\.+$/.test(text) ? 'x' : text.trim())),
  );
}

/** JSON of an object with the route's own fields; texts, not values, so that there is JSON that no value has. */
function bodyText(fields: Readonly<Record<string, Schema>>, ids: Ids): fc.Arbitrary<string> {
  const wrong = fc.oneof(
    fc.constantFrom(
      'null',
      'true',
      '-0',
      '1e999',
      '12345678901234567890',
      '""',
      '[]',
      '{}',
      String.raw`"\u0000"`,
      String.raw`"\ud800"`,
    ),
    fc.json({ noUnicodeString: false, maxDepth: 3 }),
  );
  const known = Object.entries(fields).map(([name, schema]) =>
    fc.option(
      fc
        .oneof({ weight: 8, arbitrary: rightValue(name, schema, ids).map((value) => JSON.stringify(value)) }, wrong)
        .map((text) => `${JSON.stringify(name)}:${text}`),
      { freq: 2 },
    ),
  );
  const unknown = fc
    .tuple(fc.oneof(fc.constantFrom('__proto__', 'constructor', 'toString', 'id', ''), fc.string()), wrong)
    .map(([name, text]) => `${JSON.stringify(name)}:${text}`);
  const sometimes = fc.oneof({ weight: 7, arbitrary: fc.constant(null) }, unknown);
  const object = fc
    .tuple(fc.tuple(...known), sometimes)
    .map(([entries, extra]) => [...entries, extra])
    .map((entries) => `{${entries.filter((entry) => entry !== null).join(',')}}`);
  return fc.oneof({ weight: 15, arbitrary: object }, wrong, fc.string());
}

function rightValue(name: string, schema: Schema, ids: Ids): fc.Arbitrary<unknown> {
  const types = [schema.type ?? 'object'].flat();
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.format === 'uuid')
    return fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...(ids[name] ?? [UNKNOWN])) }, fc.constant(UNKNOWN));
  if (types.includes('array')) return rightValue(name, schema.items ?? {}, ids).map((value) => [value]);
  if (types.includes('integer')) return fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? 1_000 });
  if (types.includes('string')) {
    return fc.oneof(
      fc.constant(schema.example ?? 'text'),
      fc.string({ minLength: 1, unit: fc.constantFrom(...'abc 019') }),
    );
  }
  return fc.constantFrom({}, { provider: 'fake' }, { provider: 'fake', image: 'debian:12', reuseLease: true });
}
