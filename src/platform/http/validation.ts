import { applyDecorators, Injectable, Param, ValidationPipe, type PipeTransform } from '@nestjs/common';
import { ApiParam } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { registerDecorator, type ValidationError } from 'class-validator';
import type { FieldError } from '../../errors/catalogue.js';
import { declareFreeForm } from './free-form.js';
import { isUuid } from './uuid.js';
import { displayPath, validationFailed } from './validation-failed.js';

const EXAMPLE_UUID = '018f4b6e-7a3c-7d21-9b0e-5c1d2e3f4a5b';

/** The one pipe for bodies and queries: what a DTO does not declare is refused, and nothing is converted by guessing. */
export function createValidationPipe(): ValidationPipe {
  return new ValidationPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    transform: true,
    exceptionFactory: (errors) => validationFailed(fieldErrors(errors)),
  });
}

function fieldErrors(errors: readonly ValidationError[], parents: readonly string[] = []): FieldError[] {
  return errors.flatMap(({ property, constraints, children }) => {
    const path = [...parents, property];
    // Decorators apply from the bottom up: the last rule is the topmost one, which says what the field is at all.
    const own = Object.entries(constraints ?? {})
      .slice(-1)
      .map(([rule, text]) => ({
        field: displayPath(path),
        message: rule === 'whitelistValidation' ? 'is not a field of this request' : predicate(text, property),
      }));
    return [...own, ...fieldErrors(children ?? [], path)];
  });
}

/** class-validator says `name must be a string`; `field` names it already. */
function predicate(text: string, property: string): string {
  return text.startsWith(`${property} `) ? text.slice(property.length + 1) : text;
}

@Injectable()
export class UuidPipe implements PipeTransform<unknown, string> {
  constructor(private readonly name: string) {}

  transform(value: unknown): string {
    if (!isUuid(value)) {
      throw validationFailed([{ field: this.name, message: 'must be a UUID' }]);
    }
    return value.toLowerCase();
  }
}

/** An id in the path: any UUID, lower-cased. @throws LeaseholdError validation_failed that names the parameter. */
export function UuidParam(name: string): ParameterDecorator {
  return (target, key, index) => {
    Param(name, new UuidPipe(name))(target, key, index);
    if (key !== undefined) documentParam(name, target, key);
  };
}

function documentParam(name: string, target: object, key: string | symbol): void {
  const method = Object.getOwnPropertyDescriptor(target, key);
  if (method)
    ApiParam({ name, schema: { type: 'string', format: 'uuid', example: EXAMPLE_UUID } })(target, key, method);
}

/** An id in a body or a query: any UUID, lower-cased, so that it compares equal however it was written. */
export function IsUuid(): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.toLowerCase() : value)),
    rule('isUuid', 'must be a UUID', isUuid),
  );
}

/** A JSON object of the caller's own making, such as a config or metadata: not an array, not null. */
export function IsJsonObject(): PropertyDecorator {
  return applyDecorators(
    // class-transformer's copy lacks keys that Object.prototype has too, such as `toString`: keep what was sent.
    Transform(({ obj, key }: { obj: Record<string, unknown>; key: string }) => obj[key]),
    rule('isJsonObject', 'must be a JSON object', isPlainObject),
    (_target: object, key: string | symbol) => declareFreeForm(String(key)),
  );
}

function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function rule(name: string, message: string, validate: (value: unknown) => boolean): PropertyDecorator {
  return (target, propertyName) => {
    registerDecorator({
      name,
      target: target.constructor,
      propertyName: String(propertyName),
      options: { message: `$property ${message}` },
      validator: { validate },
    });
  };
}
