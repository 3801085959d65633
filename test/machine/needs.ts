import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findDesktopEditor } from './editor/desktop.ts';
import { findEditor } from './editor/install.ts';
import { findProgram } from './programs.ts';
import { run } from './run.ts';

/** Something that this machine needs, and the Debian packages that bring it. */
export interface Need {
  readonly name: string;
  readonly packages: readonly string[];
  /** Where it is found, or undefined. */
  find(): Promise<string | undefined>;
}

/** What the main job needs. `docker-cli` is a package of its own since Debian 13. */
const engines: readonly Need[] = [
  {
    name: 'Docker',
    packages: ['docker.io', 'docker-cli?', 'iptables', 'ca-certificates'],
    find: async () => (await allOf('dockerd', 'docker')) ?? (await otherDocker()),
  },
  { name: 'Vagrant', packages: ['vagrant'], find: () => findProgram('vagrant') },
  { name: 'vagrant-libvirt', packages: ['vagrant-libvirt'], find: findVagrantPlugin },
  {
    name: 'libvirt',
    packages: ['libvirt-daemon-system', 'libvirt-clients', 'dnsmasq-base'],
    find: () => allOf('libvirtd', 'virtlogd', 'virsh', 'dnsmasq'),
  },
  {
    name: 'QEMU',
    packages: ['qemu-system-x86', 'qemu-utils'],
    find: () => allOf('qemu-system-x86_64', 'qemu-img'),
  },
  { name: 'OpenSSH', packages: ['openssh-client'], find: () => allOf('ssh', 'ssh-keygen') },
  // Lets a container's user write to a workspace that belongs to somebody else.
  { name: 'setfacl', packages: ['acl'], find: () => findProgram('setfacl') },
];

/** What building the editor's native modules needs, where no editor is installed yet. */
const editorBuild: Need = {
  name: 'editor',
  packages: [
    ...['g++', 'make', 'python3', 'pkg-config'],
    ...['libkrb5-dev', 'libsecret-1-dev', 'libx11-dev', 'libxkbfile-dev'],
  ],
  find: async () => {
    const tools = await allOf('g++', 'make', 'python3', 'pkg-config');
    if (tools === undefined) return undefined;
    return run('pkg-config', ['--exists', 'krb5', 'libsecret-1', 'x11', 'xkbfile'], {
      timeoutMs: 20_000,
    }).then(
      () => tools,
      () => undefined,
    );
  },
};

/** What the tests need on top: a browser, a real SSH server, and the peers that the bench runs against. */
const tests: readonly Need[] = [
  { name: 'Chromium', packages: ['chromium'], find: () => findProgram('chromium') },
  { name: 'sshd', packages: ['openssh-server'], find: () => findProgram('sshd') },
  { name: 'rsync', packages: ['rsync'], find: () => findProgram('rsync') },
  { name: 'git', packages: ['git'], find: () => findProgram('git') },
  { name: 'sshfs', packages: ['sshfs'], find: () => findProgram('sshfs') },
  // Debian's engine knows no `docker compose`; the Dev Containers CLI takes either.
  { name: 'docker-compose', packages: ['docker-compose'], find: () => findProgram('docker-compose') },
];

/** Everything that the purpose needs, found or not, in the order in which it is told. */
export async function needsFor(purpose: 'start' | 'test'): Promise<readonly Need[]> {
  const browserEditor = purpose === 'test' || (await findDesktopEditor()) === undefined;
  return [
    ...engines,
    ...(browserEditor && !(await findEditor()) ? [editorBuild] : []),
    ...(purpose === 'test' ? tests : []),
  ];
}

async function allOf(...programs: readonly string[]): Promise<string | undefined> {
  const found = await Promise.all(programs.map((program) => findProgram(program)));
  return found.every((file) => file !== undefined) ? found[0] : undefined;
}

/** A Docker that is not Debian's: an engine elsewhere, or one with a CLI of its own. */
async function otherDocker(): Promise<string | undefined> {
  const cli = await findProgram('docker');
  if (cli === undefined) return undefined;
  return run(cli, ['version', '--format', '{{.Server.Version}}'], { timeoutMs: 20_000 }).then(
    () => cli,
    () => undefined,
  );
}

/** The plugin as a Debian package, or as `vagrant plugin install` records it. */
async function findVagrantPlugin(): Promise<string | undefined> {
  const packaged = await run(
    'dpkg-query',
    ['--show', '--showformat=${db:Status-Status}', 'vagrant-libvirt'],
    {
      timeoutMs: 20_000,
    },
  ).catch(() => '');
  if (packaged.trim() === 'installed') return 'package';
  const record = join(process.env['VAGRANT_HOME'] ?? join(homedir(), '.vagrant.d'), 'plugins.json');
  const plugins = await readFile(record, 'utf8').catch(() => '');
  return plugins.includes('"vagrant-libvirt"') ? record : undefined;
}
