import { applyDecorators } from '@nestjs/common';
import { IsString, Length, Matches } from 'class-validator';

/*
 * Texts that people read, in lists, logs and terminals. What moves a cursor, turns the direction of what follows, or is
 * drawn as nothing within a word would show another text than the one that was sent. Joiners stay: scripts and emoji need
 * them. These are rules for what comes in; whatever was stored before they were made is read as ever.
 */

/** Of control characters the line break, the carriage return and the tab are for free texts. */
const LINE = /^[^\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\u200B\u2060-\u2064\uFEFF]*$/u;
const TEXT = /^(?:[\n\r\t]|[^\p{Cc}\p{Bidi_Control}])*$/u;
/** Something that is drawn. */
const SEEN = /[^\p{C}\p{Z}\s\p{Default_Ignorable_Code_Point}\u2800]/u;

/** A name, a title or the like: one line, with something to be seen. */
export function IsName(longest: number): PropertyDecorator {
  return applyDecorators(
    Matches(SEEN, { message: '$property must not be blank' }),
    IsLine(longest),
    Length(1, longest),
    IsString(),
  );
}

/** One line, which may be empty. */
export function IsLine(longest: number): PropertyDecorator {
  const message = '$property must be one line, without control characters, bidi marks and zero-width spaces';
  return applyDecorators(Matches(LINE, { message }), Length(0, longest), IsString());
}

/** A reason, a description or the like, which may have line breaks and tabs. */
export function IsFreeText(longest: number): PropertyDecorator {
  const message = '$property must have no control characters but line breaks and tabs, and no bidi marks';
  return applyDecorators(Matches(TEXT, { message }), Length(0, longest), IsString());
}
