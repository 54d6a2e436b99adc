/** Names of fields whose objects are of the caller's own making; each says so where it is declared (`IsJsonObject`). */
const names = new Set<string>();

export function declareFreeForm(name: string): void {
  names.add(name);
}

export function isFreeForm(name: string): boolean {
  return names.has(name);
}
