interface ValueStep {
  readonly value: unknown;
}
type Step = string | ValueStep;

/** JSON with the keys of every object sorted, so that equal values give equal text. Depth costs heap, never stack. */
export function canonicalJson(root: unknown): string {
  const text: string[] = [];
  const steps: Step[] = [{ value: root }];
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
    if (typeof step === 'string') text.push(step);
    else if (typeof step.value !== 'object' || step.value === null)
      text.push(step.value === undefined ? 'null' : JSON.stringify(step.value));
    // What is pushed last is written first.
    else for (const inner of stepsOf(step.value).reverse()) steps.push(inner);
  }
  return text.join('');
}

function stepsOf(value: object): Step[] {
  if (Array.isArray(value)) {
    return ['[', ...separated((value as unknown[]).map((item) => [{ value: item }])), ']'];
  }
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  const sorted = entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    '{',
    ...separated(sorted.map(([key, inner]): Step[] => [`${JSON.stringify(key)}:`, { value: inner as unknown }])),
    '}',
  ];
}

function separated(items: readonly Step[][]): Step[] {
  return items.flatMap((item, index) => (index === 0 ? item : [',', ...item]));
}
