/** @tanstack/virtual-core asks Node's environment whether to print what it measures, and is taken here as it is. */
globalThis.process = { env: { NODE_ENV: 'production' } };
