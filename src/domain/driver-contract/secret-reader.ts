/** Names a stored secret in a config or a teardown. */
export interface SecretRef {
  readonly type: 'secret_ref';
  readonly secretId: string;
  readonly version: 'latest' | number;
}

/** Gives a secret's value for one call; what a driver gets is not kept. */
export interface SecretReader {
  /** @throws DriverError secret_unavailable (class config) when the company has no such secret or version. */
  read(companyId: string, ref: SecretRef): Promise<string>;
}

/** Where Nest finds the SecretReader. */
export const SECRET_READER = Symbol('SecretReader');
