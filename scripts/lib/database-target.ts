/** DATABASE_URL for the commands. Apart from the rest: to read settings takes longer than what many a command does. */
import type { DatabaseTarget } from '../../src/config/database-url.ts';
import { keepOwnEnvironment } from '../../src/config/environment.ts';
import { ConfigError, parseSetting } from '../../src/config/read-settings.ts';
import { fail } from './command-line.ts';

/** Missing or malformed. */
const EX_CONFIG = 78;

/** The database in the environment, of which nothing but our settings is left for libraries. @returns null when it is told what is wrong */
export function readDatabaseTarget(): DatabaseTarget | null {
  try {
    const target = parseSetting(process.env, 'DATABASE_URL');
    keepOwnEnvironment(process.env);
    return target;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    fail(EX_CONFIG, error.message);
    return null;
  }
}
