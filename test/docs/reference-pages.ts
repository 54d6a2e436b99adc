import { format, resolveConfig } from 'prettier';
import { ERRORS } from '../../src/errors/catalogue.js';
import { SETTINGS, type Setting } from '../../src/platform/config/settings.js';

const WRITTEN_BY = 'LEASEHOLD_WRITE_DOCS=yes npm test -- test/docs/reference';

/** docs/reference/settings.md */
export function settingsPage(): Promise<string> {
  const sections = Object.entries(SETTINGS).map(([heading, settings]) => {
    const rows = Object.entries<Setting>(settings).map(([name, { meaning, unset, without }]) =>
      row(
        `<a id="${name.toLowerCase()}"></a>\`${name}\``,
        meaning,
        unset === undefined ? (without ?? '') : `\`${unset}\``,
      ),
    );
    return [`## ${heading}`, '', row('Variable', 'Meaning', 'Default'), row('---', '---', '---'), ...rows].join('\n');
  });
  return formatted(`<!-- Generated from src/platform/config/settings.ts: ${WRITTEN_BY} -->

# Settings

The service reads its settings from environment variables. An empty variable counts as unset. With a wrong value the
service does not start and names each setting that is wrong. Times are in milliseconds unless the name says otherwise.

The command line reads \`LEASEHOLD_URL\` and \`LEASEHOLD_TOKEN\` besides: see [The command line](cli.md).

${sections.join('\n\n')}
`);
}

/** docs/reference/errors.md */
export function errorsPage(): Promise<string> {
  const rows = Object.entries(ERRORS).map(([code, { status, title, remedy }]) =>
    row(`<a id="${code}"></a>\`${code}\``, String(status), title, remedy),
  );
  return formatted(`<!-- Generated from src/errors/catalogue.ts: ${WRITTEN_BY} -->

# Errors

Every error is a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457), \`application/problem+json\`). Its
\`code\` is stable: codes are added, never renamed. \`detail\` describes the occurrence, \`remedy\` says what to do, and
\`requestId\` finds the request in the log. A running service shows this table at \`/api/docs/errors\`.

${[row('Code', 'Status', 'Meaning', 'What to do'), row('---', '---', '---', '---'), ...rows].join('\n')}
`);
}

function row(...cells: string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

async function formatted(text: string): Promise<string> {
  return format(text, { ...(await resolveConfig(import.meta.filename)), parser: 'markdown' });
}
