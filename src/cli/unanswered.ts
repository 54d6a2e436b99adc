import { CliError, EXIT } from './exit.js';

/** Nothing listens there. */
export class NobodyAnswers extends CliError {}

/** Why there is no answer, each reason with what to do about it. @param error of Node's http */
export function unanswered(url: string, error: unknown): CliError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'ECONNREFUSED':
      return new NobodyAnswers(EXIT.failed, `No service answers at ${url}. Start one, or set --url or LEASEHOLD_URL.`);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new CliError(EXIT.failed, `The host of ${url} is not known (${code}). Check --url or LEASEHOLD_URL.`);
    case 'ERR_INVALID_CHAR':
      return new CliError(EXIT.usage, 'LEASEHOLD_TOKEN has a character that no token has, such as a line break.');
    case 'ERR_INVALID_URL':
    case 'ERR_INVALID_PROTOCOL':
      return new CliError(EXIT.usage, `${url} is not an http or https URL. Check --url or LEASEHOLD_URL.`);
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) {
    return new CliError(
      EXIT.failed,
      `What answers at ${url} does not speak TLS: use http:// there, or check the port.`,
    );
  }
  return new CliError(
    EXIT.failed,
    `${url} cannot be reached: ${error instanceof Error ? error.message || code : String(error)}`,
  );
}
