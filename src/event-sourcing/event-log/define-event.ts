import type { Static, TSchema } from 'typebox';
import type { EventDefinition } from './event-catalogue.js';

/** An event definition whose type name and data are known to the compiler. */
export interface TypedEventDefinition<Type extends string, Schema extends TSchema> extends EventDefinition {
  readonly type: Type;
  readonly schema: Schema;
}

/** Defines version 1 of an event. A later version passes its number and the upcasters from every earlier one. */
export function defineEvent<const Type extends string, Schema extends TSchema>(
  type: Type,
  schema: Schema,
  later: Pick<EventDefinition, 'schemaVersion' | 'upcasters'> = { schemaVersion: 1, upcasters: {} },
): TypedEventDefinition<Type, Schema> {
  return { type, schema, ...later };
}

/** The union of `{ type, data }` of some definitions: what a decider returns and what `evolve` switches over. */
export type EventOf<Definition> =
  Definition extends TypedEventDefinition<infer Type, infer Schema>
    ? { readonly type: Type; readonly data: Static<Schema> }
    : never;
