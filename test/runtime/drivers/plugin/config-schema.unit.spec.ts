import { expect, test } from '@jest/globals';
import { ConfigSchema } from '../../../../src/runtime/drivers/plugin/config-schema.js';

function schema(pattern: string): ConfigSchema {
  return new ConfigSchema({ type: 'object', properties: { name: { type: 'string', pattern } } });
}

test('a pattern of a plugin’s schema that would take for ever on a config is matched at once', () => {
  // A backtracking one takes hours.
  const { errors } = schema('^(a+)+$').complete({ name: `${'a'.repeat(40)}!` });
  expect(errors).toEqual([{ field: 'name', message: 'must match pattern "^(a+)+$"' }]);
});

test.each([
  ['^[a-z][\\w.-]{0,9}$', 'a.b-c_1', 'A'],
  ['b+', 'abbc', 'ac'],
  ['^\\p{Lu}\\d+\\/x$', 'Ü12/x', 'ü12/x'],
  ['^(?:a|b)$', 'b', 'b\n'],
])('the pattern %s means what JSON Schema says', (pattern, fits, other) => {
  expect(schema(pattern).complete({ name: fits }).errors).toEqual([]);
  expect(schema(pattern).complete({ name: other }).errors).toHaveLength(1);
});

test('a pattern that cannot be matched in linear time is refused when the plugin is read', () => {
  expect(() => schema('^(?=a)b')).toThrow(/\(\?=/);
  expect(() => schema('(a)\\1')).toThrow(/\\1/);
});
