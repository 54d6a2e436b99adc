import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { RE2JS } from 're2js';
import type { FieldError } from '../../../errors/catalogue.js';
import type { JsonObject } from '../../../domain/driver-contract/runtime-driver.js';
import { isJsonObject } from '../../../domain/driver-contract/json-object.js';

const SECRET_FORMAT = 'secret-ref';
const MOST_ITEMS = 500;

/** In linear time, whatever the pattern and the text: a config comes from callers. Without look-around and back-references. */
function linear(pattern: string): { test(text: string): boolean } {
  const expression = RE2JS.compile(RE2JS.translateRegExp(pattern));
  return { test: (text) => expression.matcher(text).find() };
}
/** Where it would be found by code that ajv writes into a file; none is written. */
linear.code = 'linear';

/** A driver's schema for its config. */
export class ConfigSchema {
  /** Paths of the fields that are stored as secrets. */
  readonly secretFields: readonly string[];
  private readonly validate: ValidateFunction;

  /** @throws Error when it is no JSON Schema */
  constructor(private readonly schema: JsonObject) {
    this.secretFields = secretFieldsIn(schema);
    const is2020 = String(schema['$schema']).includes('2020-12');
    const ajv = new (is2020 ? Ajv2020 : Ajv)({
      strict: false,
      allErrors: true,
      useDefaults: true,
      code: { regExp: linear },
    });
    formats.default(ajv);
    ajv.addFormat(SECRET_FORMAT, true);
    this.validate = ajv.compile(schema);
  }

  /** Whether it has a field of this name itself. */
  has(field: string): boolean {
    return isJsonObject(this.schema['properties']) && Object.hasOwn(this.schema['properties'], field);
  }

  /**
   * What is wrong with a config; defaults are filled in. Fields that the schema does not know are wrong, unless it says that
   * there may be more. A schema may ask for quadratic work (`uniqueItems`), so that long lists are not looked at.
   */
  complete(config: JsonObject): { readonly config: JsonObject; readonly errors: readonly FieldError[] } {
    const long = longList(config);
    if (long !== null) return { config, errors: [{ field: long, message: `has more than ${MOST_ITEMS} items` }] };
    const completed = structuredClone(config);
    const errors = this.validate(completed) ? [] : (this.validate.errors ?? []).map(fieldError);
    const { additionalProperties, patternProperties } = this.schema;
    const isOpen = additionalProperties !== undefined || patternProperties !== undefined;
    const unknown = isOpen ? [] : Object.keys(config).filter((field) => !this.has(field));
    return {
      config: completed,
      errors: [...errors, ...unknown.map((field) => ({ field, message: 'is not a setting of this driver' }))],
    };
  }
}

/** The path of a list with more items than are looked at; null: there is none. */
function longList(value: unknown, path: readonly string[] = []): string | null {
  if (Array.isArray(value) && value.length > MOST_ITEMS) return path.join('.');
  if (typeof value !== 'object' || value === null) return null;
  for (const [name, inner] of Object.entries(value)) {
    const found = longList(inner, [...path, name]);
    if (found !== null) return found;
  }
  return null;
}

/** Without the values: one of them may be a secret. */
function fieldError({ instancePath, params, message }: ErrorObject): FieldError {
  const { missingProperty, additionalProperty } = params as Record<string, unknown>;
  const inner = missingProperty ?? additionalProperty;
  const path = instancePath.split('/').slice(1);
  const field = [...path, ...(typeof inner === 'string' ? [inner] : [])].join('.');
  return { field, message: message ?? 'is not valid' };
}

function secretFieldsIn(schema: JsonObject, prefix = ''): string[] {
  const { properties } = schema;
  if (!isJsonObject(properties)) return [];
  return Object.entries(properties).flatMap(([name, field]) => {
    // A dot in a name cannot be told from a path.
    if (!isJsonObject(field) || name.includes('.')) return [];
    if (field['format'] === SECRET_FORMAT) return [`${prefix}${name}`];
    return secretFieldsIn(field, `${prefix}${name}.`);
  });
}
