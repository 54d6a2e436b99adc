/** A folder of the service's machine that a `localPath` may be in. */
export interface AllowedRoot {
  readonly path: string;
  /** Whose it is; null: of whoever may act for every company. */
  readonly company: string | null;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Of a JSON array of absolute paths, which are nobody's own, or a JSON object of one for each company. Null for anything else. */
export function allowedRoots(value: unknown): AllowedRoot[] | null {
  if (isPaths(value)) return value.map((path) => ({ path, company: null }));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const roots: AllowedRoot[] = [];
  for (const [name, paths] of Object.entries(value)) {
    const company = name.toLowerCase();
    if (!isPaths(paths) || (company !== '*' && !UUID.test(company))) return null;
    roots.push(...paths.map((path) => ({ path, company: company === '*' ? null : company })));
  }
  return roots;
}

function isPaths(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((path) => typeof path === 'string' && path.startsWith('/'));
}
