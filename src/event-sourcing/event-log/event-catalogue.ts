import type { RecordedEvent } from './events.js';
import { UnknownEventError } from './errors.js';

/**
 * What is known of one type of event. The name and every schema version ever written are contracts: a stored event is
 * never rewritten, it is lifted to the newest version when it is read.
 */
export interface EventDefinition {
  readonly type: string;
  /** The version that is written now. */
  readonly schemaVersion: number;
  /** JSON Schema of `data` in that version. */
  readonly schema: object;
  /** `upcasters[n]` turns data of version n into data of version n + 1. */
  readonly upcasters: Readonly<Record<number, (data: unknown) => unknown>>;
}

/** The one place where a stored event becomes one that this code understands. Every read path goes through it. */
export class EventCatalogue {
  private readonly definitions = new Map<string, EventDefinition>();

  constructor(definitions: readonly EventDefinition[]) {
    for (const definition of definitions) {
      if (this.definitions.has(definition.type)) {
        throw new Error(`The event type ${definition.type} is defined twice.`);
      }
      for (let version = 1; version < definition.schemaVersion; version += 1) {
        if (!definition.upcasters[version]) {
          throw new Error(`The event type ${definition.type} has no upcaster from version ${version}.`);
        }
      }
      this.definitions.set(definition.type, definition);
    }
  }

  all(): EventDefinition[] {
    return [...this.definitions.values()];
  }

  /** The version in which events of this type are written now. */
  schemaVersionOf(type: string): number {
    const definition = this.definitions.get(type);
    if (!definition) throw new Error(`The event type ${type} is not defined.`);
    return definition.schemaVersion;
  }

  /** Whether this release knows its type, and its version of it. */
  understands({ type, schemaVersion }: Pick<RecordedEvent, 'type' | 'schemaVersion'>): boolean {
    return schemaVersion <= (this.definitions.get(type)?.schemaVersion ?? 0);
  }

  /**
   * Lifts a stored event to the newest version of its schema.
   * @throws UnknownEventError for a type or a version that only a newer release knows.
   */
  decode(stored: RecordedEvent): RecordedEvent {
    const definition = this.definitions.get(stored.type);
    if (!definition || !this.understands(stored)) throw new UnknownEventError(stored);
    if (stored.schemaVersion === definition.schemaVersion) return stored;
    let data = stored.data;
    for (let version = stored.schemaVersion; version < definition.schemaVersion; version += 1) {
      data = definition.upcasters[version]?.(data);
    }
    return { ...stored, data, schemaVersion: definition.schemaVersion };
  }
}
