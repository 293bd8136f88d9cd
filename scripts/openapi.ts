/** Writes the description of our routes, or says whether it is current. */
import { parseArgs } from 'node:util';
import { fail, readCommandLine } from './lib/command-line.ts';
import { DOCS, documentFiles } from './openapi/files.ts';
import { ourRoutes } from './openapi/routes.ts';

const HELP = `Usage: npm run openapi [-- --check] [--folder FOLDER] [--help]

Writes docs/openapi.json (OpenAPI 3.1) and docs/openapi-3.0.json (3.0.3, for generators that stumble over the null types of 3.1),
out of the schemas that check the input and what stands beside the routes. It needs no database and no settings.

  --check           writes nothing; says which of the files are not current
  --folder FOLDER   where they are; docs/ unless given
  --help            this text

Exit status: 0 done, 1 a file is not current (--check) or a route is not described, 2 wrong arguments.
`;

function main(): void {
  const options = readCommandLine(HELP, parseOptions);
  if (options === null) return;
  const files = documentFiles(ourRoutes(), options.folder);
  if (options.check) {
    for (const { name } of files.filter((file) => !file.isCurrent()))
      fail(1, `${name} is not current: npm run openapi writes it anew.`);
    return;
  }
  for (const file of files) {
    process.stdout.write(file.isCurrent() ? `${file.name} is current\n` : `${file.name} is written\n`);
    file.write();
  }
}

function parseOptions() {
  const { values } = parseArgs({
    options: {
      check: { type: 'boolean', default: false },
      folder: { type: 'string', default: DOCS },
      help: { type: 'boolean', default: false },
    },
  });
  return values;
}

try {
  main();
} catch (error) {
  fail(1, error instanceof Error ? error.message : String(error));
}
