/** Prints, as JSON, how a project's VM stands. For a process that sees the computer otherwise than the tests. */
import path from 'node:path';
import { ExecaRunner } from '../../../src/base/execaRunner.ts';
import { silentLogger } from '../../../src/base/log.ts';
import type { Project } from '../../../src/config/project.ts';
import { DevcontainerCli } from '../../../src/engines/devcontainerCli.ts';
import { VmProvider } from '../../../src/environments/vm/vmProvider.ts';
import { ApartSync } from '../../../src/sync/apart/apartSync.ts';
import { never, realEngine } from './docker.ts';

const project = JSON.parse(process.argv[2] ?? '') as Project;
const runner = new ExecaRunner(silentLogger);
const provider = new VmProvider({
  runner,
  log: silentLogger,
  docker: realEngine(),
  devcontainer: new DevcontainerCli(
    { node: process.execPath, cli: '', docker: 'docker', env: {} },
    runner,
    silentLogger,
  ),
  storage: path.dirname(path.dirname(project.storage)),
  syncFor: ({ folder, storage }) =>
    new ApartSync({
      hostFolder: folder,
      stateFolder: path.join(storage, 'sync'),
      ignore: [],
      protect: [],
      log: silentLogger,
    }),
});
const vm = provider.forProject(project);
const { state, problem } = await vm.refresh(never);
console.log(JSON.stringify({ state, code: problem?.code }));
