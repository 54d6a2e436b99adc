/**
 * Every answer has them, refusals and streams too: no page of another site may frame it, no browser takes it for another
 * type than it says, nobody keeps it, and its address (which may name a lease) is told to no other site. What is public
 * and meant to be kept, such as the pages of the docs, says so itself.
 */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

/** For a page: what it may load, beside what holds for every answer. */
export function pagePolicy(sources: string): string {
  return `${sources}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;
}
