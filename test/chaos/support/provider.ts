import path from 'node:path';
import { silentLogger } from '../../../src/base/log.ts';
import type { Runner } from '../../../src/base/process.ts';
import { DevcontainerCli } from '../../../src/engines/devcontainerCli.ts';
import { DockerEngine } from '../../../src/engines/docker.ts';
import { ContainerProvider } from '../../../src/environments/container/containerProvider.ts';

const cli = path.resolve(import.meta.dirname, '../../../node_modules/@devcontainers/cli/devcontainer.js');

/** The containers of one engine, with mounted workspaces only. */
export function containersOf(host: string, runner: Runner): ContainerProvider {
  const programs = { node: process.execPath, cli, docker: 'docker', env: {} };
  return new ContainerProvider({
    engine: new DockerEngine({ program: 'docker', endpoint: host }, silentLogger),
    runner,
    log: silentLogger,
    devcontainer: new DevcontainerCli(programs, runner, silentLogger),
    dockerProgram: programs.docker,
    syncFor: () => {
      throw new Error('These workspaces are mounted.');
    },
  });
}
