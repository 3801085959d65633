import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import type { Runner } from '../../base/process.ts';
import type { Project } from '../../config/project.ts';
import type { SwitchyardSettings, VmSource } from '../../config/settings.ts';
import type { DevcontainerCli, MergedConfiguration } from '../../engines/devcontainerCli.ts';
import { vagrantCommands, vagrantError, type VagrantMachine } from '../../engines/vagrant.ts';
import { virshCommands } from '../../engines/virsh.ts';
import type { OperationOptions } from '../environment.ts';
import { chooseAcceleration, type Acceleration } from './acceleration.ts';
import type { MachineHost } from './machineHost.ts';
import { machineName, type Machine } from './machine.ts';
import { askLogin } from './machineLogin.ts';
import { prepareOwnGuest } from './ownGuest.ts';
import { machineFolder, madeWith, placeOf, readId, type OwnMachine, type OwnSource } from './ownMachine.ts';
import type { Prepared } from './prepareMachine.ts';
import { configHash } from './projectImage.ts';
import type { MachineRecord } from './record.ts';
import { expectVagrant } from './requirements.ts';
import { expectHere, expectRoom } from './supported.ts';
import { readSyncedFolders } from './syncedFolders.ts';
import type { VmHooks } from './vmHooks.ts';
import { readWrittenConfig } from './writtenConfig.ts';

export interface SourceParts {
  readonly runner: Runner;
  readonly devcontainer: DevcontainerCli;
  readonly hooks: VmHooks;
  readonly host: MachineHost;
  /** The machine that is made of a generated Vagrantfile. */
  readonly generated: Machine;
  readonly own: (source: OwnSource) => OwnMachine;
}

/** A new machine of a Vagrant box. @throws SwitchyardError */
export async function prepareBox(
  project: Project,
  settings: SwitchyardSettings,
  { box, version }: VmSource & { type: 'box' },
  parts: SourceParts,
  options: OperationOptions,
): Promise<Prepared> {
  const { signal, progress } = options;
  expectHere(parts.host);
  const { name } = parts.host;
  expectRoom(settings, { ...(await parts.host.size(signal)), name }, project.configFile);
  await expectVagrant(parts.runner, signal);
  const acceleration = chooseAcceleration(settings.vm.acceleration, await parts.host.virtualisation(signal));
  progress.line(l10n.t('Acceleration: {0}. {1}', acceleration.type, acceleration.reason));
  const merged = await configuration(project, parts, options);
  const { generated } = parts;
  const record: MachineRecord = {
    ...(await newRecord(project, merged)),
    domain: generated.domain,
    image: version === undefined ? box : `${box} ${version}`,
    acceleration,
  };
  return {
    cached: true,
    record,
    make: async (inner) => {
      const { cpus, memoryBytes, diskBytes } = settings.vm;
      await generated.create(
        { box, version, cpus, memoryBytes, diskBytes, acceleration: acceleration.type },
        inner.progress,
        inner.signal,
      );
      const known = undefined;
      return {
        ...record,
        ...(await askLogin(parts.runner, generated.place, machineName, known, inner.signal)),
      };
    },
    setUp: async (connection, made, inner) => ({
      ...made,
      ...(await prepareOwnGuest(
        connection,
        { merged, project, user: made.user, synced: [], workspace: settings.vm.workspace },
        inner,
      )),
    }),
  };
}

/**
 * A machine of the user's own Vagrantfile: a new one, or the one that is there already.
 * @param before what is known of the machine where it was made and only starts anew
 * @throws SwitchyardError
 */
export async function prepareOwn(
  project: Project,
  settings: SwitchyardSettings,
  wanted: VmSource & { type: 'vagrantfile' },
  parts: SourceParts,
  options: OperationOptions,
  before?: MachineRecord,
): Promise<Prepared> {
  const { signal } = options;
  await expectVagrant(parts.runner, signal);
  options.progress.step(l10n.t('Reading the Vagrantfile'));
  const source = await ownSource(wanted, settings.vm.provider, parts.runner, project.configFile, signal);
  const merged = await configuration(project, parts, options);
  const machine = parts.own(source);
  const record: MachineRecord = {
    ...(await newRecord(project, merged)),
    configHash: await ownHash(project, source.vagrantfile),
    domain: machine.domain,
    image: wanted.vagrantfile,
    own: source,
    // What a crash leaves of a start is the machine that there was.
    ...(before && {
      phase: before.phase,
      guestId: before.guestId,
      workspaceFolder: before.workspaceFolder,
      env: before.env,
      user: before.user,
      ...(before.login ? { login: before.login } : {}),
      ...(before.machineId === undefined ? {} : { machineId: before.machineId }),
    }),
  };
  return {
    cached: true,
    record,
    found: (await readId(source)) !== undefined,
    make: async (inner) => {
      await machine.up(inner.progress, inner.signal);
      const id = await readId(source);
      // The same machine shows the same host key; a new one has its own.
      const known = before && before.machineId === id ? before.login?.hostKeys : undefined;
      const place = placeOf(source.vagrantfile);
      const { login, user } = await askLogin(parts.runner, place, source.machine, known, inner.signal);
      const acceleration = await accelerationOf(source, id, parts.runner, inner.signal);
      return { ...record, ...(acceleration ? { acceleration } : {}), login, user, machineId: id ?? '' };
    },
    setUp: async (connection, made, inner) => {
      const synced = await readSyncedFolders(path.join(machineFolder(source), 'synced_folders'));
      const { workspace } = settings.vm;
      return {
        ...made,
        ...(await prepareOwnGuest(
          connection,
          { merged, project, user: made.user, synced, workspace },
          inner,
        )),
      };
    },
  };
}

/** Of what an own machine is like: its Vagrantfile, and what the config says of what runs in it. */
export async function ownHash(project: Project, vagrantfile: string): Promise<string> {
  const hash = createHash('sha256').update(await configHash(project));
  return hash.update(await readFile(vagrantfile)).digest('hex');
}

async function configuration(
  project: Project,
  parts: SourceParts,
  options: OperationOptions,
): Promise<MergedConfiguration> {
  if (project.configFile !== undefined) options.progress.step(l10n.t('Reading the configuration'));
  const merged = await readWrittenConfig(project, parts.devcontainer, options);
  await parts.hooks.initialize({ ...merged }, options);
  return merged;
}

async function newRecord(
  project: Project,
  merged: MergedConfiguration,
): Promise<Omit<MachineRecord, 'domain' | 'image'>> {
  return {
    version: 1,
    phase: 'creating',
    guestId: randomUUID(),
    boxKey: '',
    user: '',
    workspaceFolder: '/',
    env: {},
    merged: { ...merged },
    configHash: await configHash(project),
  };
}

/** Asks Vagrant for the machines of the file, which also tells whether it can be loaded at all. */
async function ownSource(
  { vagrantfile, machine }: VmSource & { type: 'vagrantfile' },
  provider: string | undefined,
  runner: Runner,
  configFile: string | undefined,
  signal: AbortSignal,
): Promise<OwnSource> {
  const what = l10n.t('The machine of the Vagrantfile cannot be used.');
  let machines: readonly VagrantMachine[];
  try {
    machines = await runner.run(vagrantCommands.status(placeOf(vagrantfile)), { signal });
  } catch (error) {
    throw vagrantError(error, what);
  }
  const chosen = chooseMachine(machines, machine);
  if (!chosen) {
    const names = machines.map(({ name }) => `"${name}"`).join(', ');
    throw new SwitchyardError({
      code: 'config.invalid',
      what,
      why:
        machine === undefined
          ? l10n.t('{0} has several machines: {1}.', vagrantfile, names)
          : l10n.t('{0} has no machine "{1}". It has: {2}.', vagrantfile, machine, names),
      next: l10n.t('Name one of them as "machine" in customizations.switchyard.vm.source.'),
      remedies: [
        configFile === undefined ? { do: 'addConfiguration' } : { do: 'openFile', file: configFile },
        { do: 'openFile', file: vagrantfile },
      ],
    });
  }
  const made = await madeWith(vagrantfile, chosen.name);
  return { vagrantfile, machine: chosen.name, provider: made ?? provider ?? chosen.provider };
}

/** The machine of that name; where none is named, the one named `default`, else the only one. */
export function chooseMachine(
  machines: readonly VagrantMachine[],
  name: string | undefined,
): VagrantMachine | undefined {
  if (name !== undefined) return machines.find((one) => one.name === name);
  return machines.find((one) => one.name === 'default') ?? (machines.length === 1 ? machines[0] : undefined);
}

/** How libvirt runs its processor; undefined where another provider does. */
async function accelerationOf(
  { provider }: OwnSource,
  id: string | undefined,
  runner: Runner,
  signal: AbortSignal,
): Promise<Acceleration | undefined> {
  if (provider !== 'libvirt' || id === undefined) return undefined;
  try {
    const xml = await runner.run(virshCommands.xml(id), { signal });
    const type = /<domain [^>]*type='kvm'/.test(xml) ? 'kvm' : 'tcg';
    return { type, reason: l10n.t('Its Vagrantfile says so.') };
  } catch {
    // Another libvirt's, say: then it is not known.
    signal.throwIfAborted();
    return undefined;
  }
}
