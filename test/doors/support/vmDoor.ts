import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { silentLogger } from '../../../src/base/log.ts';
import { silentProgress } from '../../../src/base/progress.ts';
import { SshBook } from '../../../src/ssh/config/sshBook.ts';
import { Doors } from '../../../src/ssh/doors.ts';
import { never } from '../../engines/support/docker.ts';
import { output, virsh, vmLab } from '../../engines/support/vm.ts';
import { doorDockerfile, type TestDoor } from './door.ts';

const options = { progress: silentProgress, signal: never };

/** What sshd and systemd run for a user who is logged in, and what looks. */
const ofTheSystem = /^(?:sshd: |\/lib\/systemd\/systemd --user|\(sd-pam\)|ps )/;

/** A machine of the same image as the container's door, with the alias that the commands of the editor write. */
export async function vmDoor(): Promise<TestDoor> {
  const lab = await vmLab();
  const project = await lab.project('doors', {
    build: { dockerfile: 'Dockerfile' },
    remoteUser: 'dev',
    containerEnv: { FROM_CONFIG: "it's $HOME; `id`" },
    hostRequirements: { cpus: 2, memory: '2gb' },
  });
  await writeFile(path.join(project.folder, '.devcontainer', 'Dockerfile'), doorDockerfile);
  const vm = lab.provider.forProject(project);
  const end = async (): Promise<void> => {
    await vm.destroy(options);
    vm.dispose();
    await lab.end();
  };
  try {
    const { connection } = await vm.open(options);
    const access = await vm.access?.(never);
    if (!access) throw new Error('It has no way in.');
    const home = path.join(lab.folder, 'ssh');
    await mkdir(home);
    const book = new SshBook(home, silentLogger);
    const { alias } = await new Doors(book, { node: process.execPath, script: '', env: {} }).open(
      vm,
      access,
      {
        start: true,
      },
    );
    const all = async (): Promise<string[]> =>
      (await output(connection, ['ps', '-u', 'dev', '-o', 'args=']))
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '' && !ofTheSystem.test(line));
    // Our own connection has helpers inside, which stay.
    const own = await all();
    return {
      kind: 'vm',
      takesSocketsAway: false,
      alias,
      config: book.configFile,
      folder: await mkdtemp(path.join(lab.folder, 'door-')),
      connect: () => Promise.resolve(connection),
      // It is the machine's own, and ends with it.
      disconnect: () => undefined,
      processes: async () => {
        const left = [...own];
        return (await all()).filter((line) => {
          const known = left.indexOf(line);
          if (known !== -1) left.splice(known, 1);
          return known === -1;
        });
      },
      cut: async () => {
        await virsh('destroy', `switchyard-${project.id}-vm`);
      },
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}
