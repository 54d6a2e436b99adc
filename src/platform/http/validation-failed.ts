import { LeaseholdError, type FieldError } from '../../errors/catalogue.js';

const MAX_ERRORS = 50;
const MAX_TEXT_LENGTH = 200;

/** @param errors at least one; an answer never names more than 50, for a caller can send a hundred thousand. */
export function validationFailed(errors: readonly FieldError[]): LeaseholdError {
  const shown = errors.slice(0, MAX_ERRORS).map(({ field, message }) => ({ field, message: displayText(message) }));
  const [first] = shown;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return new LeaseholdError(
    'validation_failed',
    first ? `${first.field} ${first.message}${more}.` : 'It is not valid.',
    {
      errors: shown,
    },
  );
}

/** `config.mounts.0.path`; caller's names are cut, and what cannot be shown is replaced. */
export function displayPath(keys: readonly string[]): string {
  return displayText(keys.join('.'));
}

function displayText(text: string): string {
  const shown = text.slice(0, MAX_TEXT_LENGTH).replace(/[\p{Cc}\p{Surrogate}]/gu, '\u{FFFD}');
  return text.length > MAX_TEXT_LENGTH ? `${shown}…` : shown;
}
