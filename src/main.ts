/**
 * The entry: `node src/main.ts`. Everything is in run.ts; here it is only made to load faster. Without a build step Node
 * strips the types and compiles 60 files at every start; the cache keeps the result, keyed by content, and halves the
 * time to /livez (npm run bench -- --only startup). It lies beside the code, not in the shared /tmp, where another user
 * could plant it. Where that place cannot be written, NODE_COMPILE_CACHE names another one, or nothing is kept.
 */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/compiled'));
await import('./run.ts');
