import * as l10n from '@vscode/l10n';
import type { GuestKind } from '../base/kinds.ts';
import type { VmSource } from '../config/settings.ts';

/**
 * What a kind makes of a property of devcontainer.json: it does what the spec says, does it in a way of
 * its own, or leaves it, and then says why wherever the property is set.
 */
export type Treatment =
  | { readonly how: 'honoured' }
  | { readonly how: 'emulated'; readonly note: string }
  | { readonly how: 'ignored'; readonly reason: string };

interface Row {
  /** As in devcontainer.json; several that go together. */
  readonly names: readonly string[];
  /** Under which a merged configuration holds it, where that differs. */
  readonly merged?: string;
  readonly container: Treatment;
  readonly vm: Treatment;
}

const honoured: Treatment = { how: 'honoured' };
const emulated = (note: string): Treatment => ({ how: 'emulated', note });
const ignored = (reason: string): Treatment => ({ how: 'ignored', reason });

/** First names of the rows that speak of the image, and who works in it. */
const ofImage = new Set([
  ...['image', 'build', 'features', 'dockerComposeFile', 'remoteUser'],
  ...['mounts', 'entrypoint of a feature'],
]);

/** Read when it is asked for, so that the texts are in the person's language. */
function rows(): readonly Row[] {
  const engine = l10n.t('It speaks to the container engine; a virtual machine has none around it.');
  const ownKernel = l10n.t('A virtual machine has its own kernel: nothing needs to be allowed.');
  const onLeave = (kind: string): string =>
    l10n.t('What happens on leaving is said by customizations.switchyard.{0}.onLeave.', kind);
  const both = (treatment: Treatment): Pick<Row, 'container' | 'vm'> => ({
    container: treatment,
    vm: treatment,
  });
  return [
    { names: ['image'], ...both(honoured) },
    { names: ['build', 'dockerFile', 'context'], ...both(honoured) },
    { names: ['features', 'overrideFeatureInstallOrder'], ...both(honoured) },
    {
      names: ['dockerComposeFile', 'service', 'runServices'],
      container: honoured,
      vm: emulated(
        l10n.t(
          'The machine is made of the image of the service, with its volumes as mounts; the other services run inside it, where the image has Docker with Compose.',
        ),
      ),
    },
    { names: ['containerEnv', 'remoteEnv'], ...both(honoured) },
    { names: ['remoteUser', 'containerUser'], ...both(honoured) },
    {
      names: ['userEnvProbe'],
      container: honoured,
      vm: emulated(
        l10n.t('Asked for once, when the machine is made of the image; others have their own environment.'),
      ),
    },
    { names: ['initializeCommand'], ...both(honoured) },
    {
      names: [
        'onCreateCommand',
        'updateContentCommand',
        'postCreateCommand',
        'postStartCommand',
        'postAttachCommand',
      ],
      ...both(honoured),
    },
    { names: ['waitFor'], ...both(honoured) },
    { names: ['workspaceFolder'], ...both(honoured) },
    {
      names: ['workspaceMount'],
      container: honoured,
      vm: ignored(l10n.t('The workspace comes over SSH.')),
    },
    {
      names: ['mounts'],
      container: honoured,
      vm: emulated(
        l10n.t(
          'A named volume is a disk of its own, kept over a rebuild; a folder of the workspace is that folder; another file or folder of this computer is copied in at each start, and changes to the copy stay inside; the socket of the engine is left out.',
        ),
      ),
    },
    {
      names: ['hostRequirements'],
      container: emulated(
        l10n.t('Compared with what Docker has; what is missing is said, and the container opens.'),
      ),
      vm: emulated(l10n.t('Sizes the machine.')),
    },
    { names: ['forwardPorts'], ...both(honoured) },
    {
      names: ['portsAttributes', 'otherPortsAttributes'],
      ...both(emulated(l10n.t('All but elevateIfNeeded: another port of this computer is taken instead.'))),
    },
    {
      names: ['appPort'],
      container: honoured,
      vm: emulated(l10n.t('Forwarded from this computer while the machine runs.')),
    },
    { names: ['runArgs'], container: honoured, vm: ignored(engine) },
    { names: ['privileged'], container: honoured, vm: ignored(ownKernel) },
    { names: ['capAdd'], container: honoured, vm: ignored(ownKernel) },
    { names: ['securityOpt'], container: honoured, vm: ignored(ownKernel) },
    {
      names: ['init'],
      container: honoured,
      vm: ignored(l10n.t('A virtual machine has an init system of its own.')),
    },
    {
      names: ['overrideCommand'],
      container: honoured,
      vm: ignored(l10n.t('A virtual machine runs its own init, and not the command of the image.')),
    },
    {
      names: ['entrypoint of a feature'],
      merged: 'entrypoints',
      container: honoured,
      vm: emulated(l10n.t('Run at each boot, with their output in a log of the machine.')),
    },
    {
      names: ['updateRemoteUserUID'],
      container: honoured,
      vm: ignored(l10n.t('Files come over SSH as the remote user: no user id needs to match.')),
    },
    {
      names: ['shutdownAction'],
      container: ignored(onLeave('container')),
      vm: ignored(onLeave('vm')),
    },
    { names: ['secrets'], ...both(honoured) },
    { names: ['name', 'customizations.switchyard'], ...both(honoured) },
  ];
}

/** The properties that are set and that the kind leaves, each with the reason as a sentence. */
export function ignoredProperties(
  kind: GuestKind,
  merged: object,
  source: VmSource['type'] = 'image',
): readonly { readonly property: string; readonly reason: string }[] {
  const values = merged as Readonly<Record<string, unknown>>;
  return rows().flatMap((row) => {
    const treatment = kind === 'vm' ? inMachineOf(source, row) : row[kind];
    if (treatment.how !== 'ignored') return [];
    return row.names
      .filter((name) => isSet(values[row.merged ?? name]))
      .map((property) => ({ property, reason: treatment.reason }));
  });
}

/** What a machine makes of a property that is not made of the image. */
function inMachineOf(source: VmSource['type'], row: Row): Treatment {
  if (source === 'image' || !ofImage.has(row.names[0] ?? '')) return row.vm;
  return ignored(
    source === 'box'
      ? l10n.t('It is for the container; the machine is made of a box.')
      : l10n.t('It is for the container; the machine is made of a Vagrantfile.'),
  );
}

/** A merged configuration lists what nobody set as empty or false. */
function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '') return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}

/** The whole table in Markdown. */
export function propertyTable(): string {
  const cell = (treatment: Treatment): string => {
    switch (treatment.how) {
      case 'honoured':
        return 'yes';
      case 'emulated':
        return `in its own way: ${treatment.note}`;
      case 'ignored':
        return `no: ${treatment.reason}`;
    }
  };
  return [
    '| Property | Container | VM |',
    '| --- | --- | --- |',
    ...rows().map(
      ({ names, container, vm }) =>
        `| ${names.map((name) => (name.includes(' ') ? name : `\`${name}\``)).join(', ')} | ${cell(container)} | ${cell(vm)} |`,
    ),
  ].join('\n');
}

/** Every property of the schema that the table speaks of. */
export function knownProperties(): readonly string[] {
  return rows().flatMap(({ names }) => names);
}
