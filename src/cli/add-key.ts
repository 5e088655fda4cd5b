import { LocalKeyProvider, localKeyFile } from '../adapters/keys/local/local-key-provider.ts';
import { processEnv } from '../config/env.ts';

/** Adds a wrapping key to the key file of LINEWARD_DATA_DIR. */
export async function addKey(): Promise<string> {
  const { id } = await LocalKeyProvider.addKey(localKeyFile(processEnv().LINEWARD_DATA_DIR));
  return `added ${id}; restart every process, rewrap the account keys, and keep the file: it still unwraps with the keys before`;
}
