/**
 * Ceph's radosgw: one monitor, one OSD in memory, one gateway, all on loopback, without root or systemd.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { createObjectStorage } from '../../src/infra/object-storage/object-storage.ts';
import { createStorageClock } from '../../src/infra/object-storage/storage-clock.ts';
import { freePorts, isListening } from './ports.ts';
import { type Program, startProgram, until } from './programs.ts';
import { makeScratchFolder } from './scratch-folder.ts';
import type { RunningStore } from './throwaway-object-store.ts';

const run = promisify(execFile);
const PATIENCE_MS = 60_000;
const PATIENCE = { patienceMs: PATIENCE_MS, everyMs: 300 };

export async function startRadosgw(): Promise<RunningStore> {
  const scratch = makeScratchFolder('rgw');
  const folder = scratch.path;
  const programs: Program[] = [];
  const stop = async () => {
    for (const program of programs.toReversed()) await program.stop('SIGKILL');
    scratch.remove();
  };
  try {
    const [monitorPort = 0, port = 0] = await freePorts(2);
    const credentials = { accessKeyId: 'testkey', secretAccessKey: 'testsecret' };
    await startCluster(folder, monitorPort, port, programs);
    const keys = [`--access-key=${credentials.accessKeyId}`, `--secret-key=${credentials.secretAccessKey}`];
    await ceph(folder, 'radosgw-admin', ['user', 'create', '--uid=t', '--display-name=t', ...keys]);
    programs.push(launch(folder, 'radosgw', ['-f', '-n', 'client.rgw']));
    const endpoint = `http://127.0.0.1:${port}`;
    await until('radosgw to listen', () => isListening(port), PATIENCE);
    const config = {
      ...credentials,
      endpoint,
      region: 'us-east-1',
      bucket: 'media',
      publicBaseUrl: `${endpoint}/media`,
      uploadAcl: 'public-read',
      forcePathStyle: true,
    };
    await createBucket(config);
    return { config, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startCluster(
  folder: string,
  monitorPort: number,
  port: number,
  programs: Program[],
): Promise<void> {
  const fsid = randomUUID();
  const osd = randomUUID();
  for (const name of ['mon', 'osd', 'log', 'rgw']) await mkdir(join(folder, name));
  await writeFile(join(folder, 'ceph.conf'), cephConf(folder, fsid, monitorPort, port));
  const monmap = join(folder, 'monmap');
  const monitor = ['--addv', 'a', `[v1:127.0.0.1:${monitorPort}]`, monmap];
  await run('monmaptool', ['--create', '--clobber', '--fsid', fsid, ...monitor], { timeout: PATIENCE_MS });
  await ceph(folder, 'ceph-mon', ['--mkfs', '-i', 'a', '--monmap', monmap]);
  programs.push(launch(folder, 'ceph-mon', ['-f', '-i', 'a']));
  // The monitor takes connections before it takes commands; asking again for the same OSD is no other question.
  const newOsd = () => ceph(folder, 'ceph', ['osd', 'new', osd]);
  await until(
    'the monitor to take commands',
    () =>
      newOsd().then(
        () => true,
        () => false,
      ),
    PATIENCE,
  );
  await ceph(folder, 'ceph-osd', ['-i', '0', '--mkfs', '--osd-uuid', osd]);
  let daemon: Program | undefined;
  // The OSD sometimes leaves at once with "wrong fsid"; started again it stays.
  await until(
    'the OSD to be up',
    async () => {
      if (!daemon?.isRunning()) {
        daemon = launch(folder, 'ceph-osd', ['-f', '-i', '0']);
        programs.push(daemon);
      }
      // A monitor that has just begun to answer refuses: "problem getting command descriptions from mon".
      const state = await ceph(folder, 'ceph', ['osd', 'stat']).catch(() => null);
      return state?.stdout.includes('1 up') ?? false;
    },
    PATIENCE,
  );
}

const ceph = (folder: string, program: string, args: readonly string[]) =>
  run(program, ['-c', join(folder, 'ceph.conf'), ...args], { cwd: folder, timeout: PATIENCE_MS });

const launch = (folder: string, program: string, args: readonly string[]) =>
  startProgram(program, [...args, '-c', join(folder, 'ceph.conf')], { cwd: folder });

async function createBucket(config: RunningStore['config']): Promise<void> {
  const s3 = new S3Client({
    endpoint: config.endpoint,
    region: config.region,
    credentials: { accessKeyId: config.accessKeyId, secretAccessKey: config.secretAccessKey },
    forcePathStyle: true,
  });
  await s3.send(new CreateBucketCommand({ Bucket: config.bucket }));
  s3.destroy();
  const rule = {
    AllowedOrigins: ['*'],
    AllowedMethods: ['GET', 'PUT', 'HEAD'],
    AllowedHeaders: ['*'],
    ExposeHeaders: ['ETag'],
  };
  const storage = createObjectStorage(config, createStorageClock({ warn() {}, info() {} }));
  await storage.putCorsRules([rule], AbortSignal.timeout(PATIENCE_MS));
  storage.close();
}

const cephConf = (folder: string, fsid: string, monitorPort: number, port: number) => `[global]
fsid = ${fsid}
mon host = v1:127.0.0.1:${monitorPort}
mon initial members = a
ms bind msgr2 = false
public addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
paxos propose interval = 0.05
paxos min wait = 0.02
run dir = ${folder}
admin socket = ${folder}/$name.asok
log file = ${folder}/log/$name.log
pid file = ${folder}/$name.pid
[mon]
mon data = ${folder}/mon
mon data avail crit = 1
mon data avail warn = 1
[osd]
osd data = ${folder}/osd
osd objectstore = memstore
memstore device bytes = 2147483648
osd class load list = *
osd class default list = *
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw data = ${folder}/rgw
`;
