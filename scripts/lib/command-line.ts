/** What the commands have in common: arguments, help, and the statuses 2 (wrong arguments) and 130 (stopped). */

/** @returns null when nothing is to be run: help was asked for and is printed, or an argument is wrong and told */
export function readCommandLine<Options extends { readonly help: boolean }>(
  help: string,
  parse: () => Options,
): Options | null {
  try {
    const options = parse();
    if (!options.help) return options;
    process.stdout.write(help);
  } catch (error) {
    fail(2, `${error instanceof Error ? error.message : error}\n\n${help.trimEnd()}`);
  }
  return null;
}

export function fail(status: number, text: string): void {
  process.stderr.write(`${text}\n`);
  process.exitCode = status;
}

/** @throws Error with a sentence */
export function numberFrom(option: string, text: string, { least = 0, most = 2 ** 32 - 1 } = {}): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new Error(`${option} must be a whole number from ${least} to ${most}.`);
}

/** The known names in a list, in the order of `known`, in any case; all of them without a list. @throws Error */
export function namesFrom<Name extends string>(
  option: string,
  text: string | undefined,
  known: readonly Name[],
): readonly Name[] {
  if (text === undefined) return known;
  const wanted = text.split(',').map((name) => name.trim().toLowerCase());
  const unknown = wanted.find((name) => !known.some((candidate) => candidate.toLowerCase() === name));
  if (unknown !== undefined) {
    throw new Error(`${option} does not know "${unknown}"; it knows ${known.join(', ')}.`);
  }
  return known.filter((name) => wanted.includes(name.toLowerCase()));
}

/** What was started is ended with this process (lab/programs.ts). */
export function endBySignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130));
}
