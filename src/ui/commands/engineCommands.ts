import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import type { DockerEngine } from '../../engines/docker.ts';
import { isElsewhere, type DockerEndpoint } from '../../engines/dockerEndpoint.ts';
import { whyNot } from '../../engines/libvirtEndpoint.ts';
import { sessionUri, systemUri } from '../../engines/virsh.ts';
import type { CommandId } from '../commandIds.ts';

type Handlers = Partial<Record<CommandId, (argument?: unknown) => unknown>>;

interface Choice extends vscode.QuickPickItem {
  /** What the setting becomes; empty for what the docker command line would take. */
  readonly value?: string;
  readonly ask?: true;
}

/** Commands about which engine is talked to. */
export function engineCommands(docker: DockerEngine): Handlers {
  return {
    'switchyard.chooseDockerEngine': async () => {
      const settings = vscode.workspace.getConfiguration('switchyard');
      const now = settings.get<string>('docker.host', '').trim();
      const chosen = await vscode.window.showQuickPick(choices(await docker.choices(), now), {
        title: l10n.t('Choose Docker Engine'),
        placeHolder: l10n.t('Where are containers to be made?'),
        matchOnDescription: true,
      });
      if (!chosen) return;
      const value = chosen.ask ? await askAddress(now) : chosen.value;
      if (value === undefined || value === now) return;
      await settings.update('docker.host', value || undefined, vscode.ConfigurationTarget.Global);
    },
    'switchyard.chooseLibvirtHost': async () => {
      const settings = vscode.workspace.getConfiguration('switchyard');
      const now = settings.get<string>('libvirt.uri', '').trim();
      const chosen = await vscode.window.showQuickPick(hosts(now), {
        title: l10n.t('Choose libvirt Host'),
        placeHolder: l10n.t('Where are virtual machines to be made?'),
        matchOnDescription: true,
      });
      if (!chosen) return;
      const value = chosen.ask ? await askUri(now) : chosen.value;
      if (value === undefined || value === now) return;
      await settings.update('libvirt.uri', value || undefined, vscode.ConfigurationTarget.Global);
    },
  };
}

function choices(endpoints: readonly DockerEndpoint[], now: string): readonly Choice[] {
  const mark = (value: string): string => (value === now ? `$(check) ` : '');
  const separator = (label: string): Choice => ({ label, kind: vscode.QuickPickItemKind.Separator });
  const contexts = endpoints.flatMap(({ host, source }): Choice[] =>
    source.from === 'context'
      ? [{ label: `${mark(source.name)}${source.name}`, description: describe(host), value: source.name }]
      : [],
  );
  const sockets = endpoints.flatMap(({ host, source }): Choice[] =>
    source.from === 'socket' ? [{ label: `${mark(host)}${host}`, value: host }] : [],
  );
  return [
    {
      label: `${mark('')}${l10n.t('Automatic')}`,
      description: l10n.t('what the docker command line talks to'),
      value: '',
    },
    ...(contexts.length > 0 ? [separator(l10n.t('contexts')), ...contexts] : []),
    ...(sockets.length > 0 ? [separator(l10n.t('sockets of this computer')), ...sockets] : []),
    separator(l10n.t('another one')),
    { label: l10n.t('Enter an Address…'), description: 'ssh://user@host', ask: true },
  ];
}

function hosts(now: string): readonly Choice[] {
  const mark = (value: string): string => (value === now ? '$(check) ' : '');
  const isOther = !['', systemUri, sessionUri].includes(now);
  return [
    {
      label: `${mark('')}${l10n.t('Automatic')}`,
      description: l10n.t('LIBVIRT_DEFAULT_URI, else this computer'),
      value: '',
    },
    { label: `${mark(systemUri)}${l10n.t('This Computer')}`, description: systemUri, value: systemUri },
    {
      label: `${mark(sessionUri)}${l10n.t('Your Own on This Computer')}`,
      description: sessionUri,
      value: sessionUri,
    },
    ...(isOther ? [{ label: `${mark(now)}${now}`, value: now }] : []),
    { label: l10n.t('Enter an Address…'), description: 'qemu+ssh://user@host/system', ask: true },
  ];
}

async function askUri(now: string): Promise<string | undefined> {
  const given = await vscode.window.showInputBox({
    title: l10n.t('Address of the libvirt'),
    value: now,
    placeHolder: 'qemu+ssh://user@host/system',
    prompt: l10n.t('The host is reached by ssh, with what ~/.ssh/config says of it.'),
    validateInput: (text) => whyNot(text.trim()),
  });
  return given?.trim();
}

function describe(host: string): string {
  return isElsewhere({ host }) ? l10n.t('{0} · the workspace goes by sync', host) : host;
}

async function askAddress(now: string): Promise<string | undefined> {
  const given = await vscode.window.showInputBox({
    title: l10n.t('Address of the Docker Engine'),
    value: now,
    placeHolder: 'ssh://user@host',
    prompt: l10n.t('As in DOCKER_HOST: ssh://, tcp://, unix:// or npipe://.'),
    validateInput: (text) =>
      /^(ssh|tcp|unix|npipe):\/\/[^\s-]/.test(text.trim())
        ? undefined
        : l10n.t('An address begins with ssh://, tcp://, unix:// or npipe://.'),
  });
  return given?.trim();
}
