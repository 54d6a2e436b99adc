// Lints snippets as if they stood in the files that they name, by the rules of `npm run lint`. In a process of its own:
// ESLint loads its configuration with an import() that Jest would answer. Reads and writes JSON.
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';

const cwd = fileURLToPath(new URL('../..', import.meta.url));
// The types of the file that the snippets stand in, and of what it imports: those of the whole service take ten seconds.
const project = fileURLToPath(new URL('./snippets.tsconfig.json', import.meta.url));
// With CI=true the parser would take it that each file is linted once; the snippets of one file would lose their types.
const parserOptions = { projectService: false, project, disallowAutomaticSingleRunInference: true };
const withTypes = new ESLint({ cwd, overrideConfig: { files: ['**/*.ts'], languageOptions: { parserOptions } } });
// Without types, a snippet may stand in a file that does not exist, and is linted in no time.
const withoutTypes = new ESLint({ cwd, overrideConfig: tseslint.configs.disableTypeChecked });

const answers = [];
for (const { filePath, code, typed } of JSON.parse(await text(process.stdin))) {
  const [result] = await (typed ? withTypes : withoutTypes).lintText(code, { filePath });
  answers.push(result.messages.map(({ ruleId, message }) => `${ruleId ?? 'fatal'}: ${message}`));
}
process.stdout.write(JSON.stringify(answers));
