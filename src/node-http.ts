/**
 * node:http without undici. An import of it has every export read, WebSocket among them, for which Node loads all of undici:
 * 40 ms and 13 MB at the start. Importing its types costs nothing.
 */
export const http = process.getBuiltinModule('node:http');
