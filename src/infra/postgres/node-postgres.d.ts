/**
 * node-postgres' client itself, with the few of its parts that database-connection.ts
 * needs and that @types/pg leaves out.
 */
declare module 'pg/lib/client.js' {
  import type { ClientConfig, Client as PublicClient, Connection as PublicConnection } from 'pg';

  interface Connection extends PublicConnection {
    startup(parameters: Readonly<Record<string, string>>): void;
    cancel(processID: number, secretKey: number): void;
  }

  // biome-ignore lint/style/noDefaultExport: the module is CommonJS; this is how it looks to an import
  export default class Client extends PublicClient {
    constructor(config: ClientConfig);
    override readonly connection: Connection;
    readonly processID: number;
    readonly secretKey: number;
    getStartupConf(): Readonly<Record<string, string>>;
  }
}
