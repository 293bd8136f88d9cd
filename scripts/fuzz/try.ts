import { createFindings } from './findings.ts';
import { startFuzzBackend } from './fuzz-backend.ts';
import { createRandom, newSeed } from './random.ts';
import { startSidecarUnderTest } from './sidecar-under-test.ts';

const seed = Number(process.argv[4] ?? newSeed());
const backend = await startFuzzBackend();
const sidecar = await startSidecarUnderTest(backend.port);
const { [process.argv[2] as string]: mode } = await import(`./${process.argv[5]}.ts`);
const findings = createFindings('/tmp/fz', seed, (t) => process.stdout.write(t));
console.log('seed', seed);
try {
  const n = await mode({
    random: createRandom(seed),
    sidecar,
    backend,
    findings,
    until: Date.now() + Number(process.argv[3]) * 1000,
  });
  console.log(n, findings.counts, await sidecar.isAlive());
} finally {
  await sidecar.stop();
  await backend.stop();
}
