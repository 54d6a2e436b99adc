import type { FieldError } from '../../../errors/catalogue.js';
import { valueAt, withValueAt } from '../../../domain/driver-contract/config-path.js';
import { DriverError } from '../../../domain/driver-contract/driver-error.js';
import { failureText } from '../../../domain/driver-contract/failure-text.js';
import type { ConfigVerdict, JsonObject } from '../../../domain/driver-contract/runtime-driver.js';
import type { SecretReader, SecretRef } from '../../../domain/driver-contract/secret-reader.js';
import { isJsonObject } from '../../../domain/driver-contract/json-object.js';
import { PLUGIN_FORM, type ConfigForm } from './config-form.js';
import type { ConfigSchema } from './config-schema.js';

/** A config for one call: with the values of its secrets, which are told apart so that nobody repeats them. */
export interface OpenConfig {
  readonly config: JsonObject;
  readonly secrets: readonly string[];
}

/** What a plugin says of a config that fits its schema. */
export type AskPlugin = (
  open: OpenConfig,
) => Promise<{ readonly errors: readonly string[]; readonly normalized: JsonObject | null }>;

/** The configs of environments that a plugin's driver serves. */
export class PluginConfig {
  /** Paths within an environment's config. */
  readonly secretFields: readonly string[];

  constructor(
    private readonly form: ConfigForm,
    private readonly schema: ConfigSchema,
    private readonly secrets: SecretReader,
  ) {
    this.secretFields = schema.secretFields.map((field) => form.path(field));
  }

  /** By the schema, then by the plugin. */
  async validate(config: JsonObject, companyId: string, ask: AskPlugin): Promise<ConfigVerdict> {
    const { form, schema } = this;
    const wrong = (errors: readonly FieldError[]): ConfigVerdict => ({
      kind: 'invalid',
      errors: errors.map(({ field, message }) => ({ field: form.path(field), message })),
    });
    const strange = form === PLUGIN_FORM ? strangeFields(config) : [];
    if (strange.length > 0) return { kind: 'invalid', errors: strange };
    const given = form.inner(config);
    let open: OpenConfig;
    try {
      open = await this.open(config, companyId);
    } catch (error) {
      if (!(error instanceof DriverError) || error.reasonCode !== 'secret_unavailable') throw error;
      return wrong([{ field: '', message: failureText(error) }]);
    }
    const { envelope, bare } = this.parted(open.config);
    const completed = schema.complete(bare);
    const errors = [...envelopeErrors(envelope), ...completed.errors];
    if (errors.length > 0) {
      return wrong(errors.map(({ field, message }) => ({ field, message: `${form.path(field)} ${message}` })));
    }
    const defaults = form.envelope.includes('reuseLease') ? { reuseLease: false } : {};
    const whole = { ...defaults, ...envelope, ...completed.config };
    const said = await ask({ config: whole, secrets: open.secrets });
    if (said.errors.length > 0) return wrong(said.errors.map((message) => ({ field: '', message })));
    return { kind: 'valid', config: form.outer(config, this.closed({ ...whole, ...said.normalized }, given)) };
  }

  /** With the secrets that the config refers to. @throws DriverError secret_unavailable */
  async open(config: JsonObject, companyId: string): Promise<OpenConfig> {
    let inner = this.form.inner(config);
    const secrets: string[] = [];
    for (const field of this.schema.secretFields) {
      const given = valueAt(inner, field) ?? null;
      const ref = valueAt(inner, refField(field)) ?? null;
      const value = given ?? (ref === null ? undefined : await this.read(companyId, ref));
      if (typeof value === 'string') secrets.push(value);
      inner = withValueAt(withValueAt(inner, field, value), refField(field), undefined);
    }
    return { config: inner, secrets };
  }

  private read(companyId: string, ref: unknown): Promise<string> {
    if (isSecretRef(ref)) return this.secrets.read(companyId, ref);
    const message = 'A reference to a secret is { type: "secret_ref", secretId, version }.';
    throw new DriverError('config', 'secret_unavailable', message, false);
  }

  /** As it is stored: secrets are where they were given, nowhere else. */
  private closed(open: JsonObject, given: JsonObject): JsonObject {
    return this.schema.secretFields.reduce((config, field) => {
      const value = valueAt(given, field) ?? null;
      const ref = valueAt(given, refField(field)) ?? null;
      return withValueAt(withValueAt(config, field, value), refField(field), ref);
    }, open);
  }

  /** What is every sandbox's, unless the schema has it too. */
  private parted(config: JsonObject): { envelope: JsonObject; bare: JsonObject } {
    const isEnvelope = ([field]: [string, unknown]): boolean =>
      this.form.envelope.includes(field) && !this.schema.has(field);
    const fields = Object.entries(config);
    return {
      envelope: Object.fromEntries(fields.filter(isEnvelope)),
      bare: Object.fromEntries(fields.filter((field) => !isEnvelope(field))),
    };
  }
}

const MAX_TIMEOUT_MS = 86_400_000;

function envelopeErrors({ reuseLease = false, timeoutMs = 1 }: JsonObject): FieldError[] {
  const isTime = Number.isInteger(timeoutMs) && Number(timeoutMs) >= 1 && Number(timeoutMs) <= MAX_TIMEOUT_MS;
  return [
    ...(typeof reuseLease === 'boolean' ? [] : [{ field: 'reuseLease', message: 'must be true or false' }]),
    ...(isTime ? [] : [{ field: 'timeoutMs', message: `must be a whole number from 1 to ${MAX_TIMEOUT_MS}` }]),
  ];
}

function strangeFields(config: JsonObject): FieldError[] {
  const { driverConfig = {} } = config;
  return [
    ...(isJsonObject(driverConfig) ? [] : [{ field: 'driverConfig', message: 'driverConfig must be an object' }]),
    ...Object.keys(config)
      .filter((field) => !['pluginKey', 'driverKey', 'driverConfig'].includes(field))
      .map((field) => ({ field, message: `${field} is not a setting of the plugin driver` })),
  ];
}

function refField(field: string): string {
  return `${field}SecretRef`;
}

function isSecretRef(value: unknown): value is SecretRef {
  if (!isJsonObject(value)) return false;
  const { type, secretId, version } = value;
  const isVersion = version === 'latest' || (Number.isInteger(version) && Number(version) >= 1);
  return type === 'secret_ref' && typeof secretId === 'string' && /^[0-9a-f-]{36}$/i.test(secretId) && isVersion;
}
