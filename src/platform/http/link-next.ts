import type { FastifyReply } from 'fastify';

type Parameter = string | number | readonly string[] | null | undefined;

/** Says in the header `Link` where a bare array goes on; nothing for a null cursor. @param parameters those of the request, but for the cursor */
export function linkNext(
  reply: FastifyReply,
  path: string,
  cursor: string | null,
  parameters: Readonly<Record<string, Parameter>>,
): void {
  if (cursor === null) return;
  const query = new URLSearchParams({ cursor });
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value ?? []].flat()) query.append(name, String(one));
  }
  void reply.header('Link', `<${path}?${query.toString()}>; rel="next"`);
}
