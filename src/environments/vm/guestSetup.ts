import type { MergedConfiguration } from '../../engines/devcontainerCli.ts';
import { guestInit } from './guestInit.ts';

/** What Docker gives a program whose image says nothing of PATH. */
const dockerPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What of an image's config counts for what runs in it. */
export interface ImageConfig {
  /** "NAME=value" lines. */
  readonly env: readonly string[];
  readonly user: string;
}

/** The user that programs run as: as in the container. */
export function remoteUserOf(merged: MergedConfiguration, image: ImageConfig): string {
  return accountOf(merged.remoteUser ?? merged.containerUser ?? image.user);
}

/** What the container's own process would have. */
export function containerOf(
  merged: MergedConfiguration,
  image: ImageConfig,
): { readonly user: string; readonly env: Readonly<Record<string, string>> } {
  return { user: accountOf(merged.containerUser ?? image.user), env: containerEnvironment(merged, image) };
}

function accountOf(user: string): string {
  // Docker's USER may name a group as well.
  const [name = ''] = user.split(':');
  return name === '' ? 'root' : name;
}

/**
 * The environment that a program has in the container: the image's ENV, containerEnv, and remoteEnv, in
 * which `${containerEnv:NAME:default}` stands for what the two before it say.
 * @see https://containers.dev/implementors/json_reference/#variables-in-devcontainerjson
 */
export function guestEnvironment(merged: MergedConfiguration, image: ImageConfig): Record<string, string> {
  const container = containerEnvironment(merged, image);
  const env = new Map(Object.entries(container));
  for (const [name, value] of Object.entries(merged.remoteEnv ?? {})) {
    // null takes a variable away.
    if (value === null) env.delete(name);
    else env.set(name, substituteContainerEnv(value, container));
  }
  return Object.fromEntries(env);
}

function containerEnvironment(merged: MergedConfiguration, image: ImageConfig): Record<string, string> {
  const container: Record<string, string> = { PATH: dockerPath };
  for (const line of image.env) {
    const at = line.indexOf('=');
    if (at > 0) container[line.slice(0, at)] = line.slice(at + 1);
  }
  return Object.assign(container, merged.containerEnv);
}

/** The login sets these itself, for whichever user it is. */
const ofAccount = ['HOME', 'USER', 'LOGNAME', 'SHELL'];

/**
 * The same with what the user's shell sets up on top of the container's own; remoteEnv has the last word.
 * @param env what `guestEnvironment` says
 */
export function withUserEnv(
  env: Readonly<Record<string, string>>,
  userEnv: Readonly<Record<string, string>>,
  remoteEnv: MergedConfiguration['remoteEnv'] = {},
): Record<string, string> {
  const all = new Map(Object.entries({ ...env, ...userEnv }));
  for (const name of ofAccount) if (env[name] === undefined) all.delete(name);
  for (const name of Object.keys(remoteEnv)) {
    const value = env[name];
    if (value === undefined) all.delete(name);
    else all.set(name, value);
  }
  return Object.fromEntries(all);
}

/** `${containerEnv:NAME:default}` by what there is. */
export function substituteContainerEnv(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(
    /\$\{containerEnv:([^}:]+)(?::([^}]*))?\}/g,
    (_all, name: string, otherwise: string | undefined) => env[name] ?? otherwise ?? '',
  );
}

/**
 * sshd's `SetEnv` line: plain `ssh` gets the same environment as our own connection. It knows no way to
 * write a value with a quote, a backslash or a newline; those our own connection alone brings.
 */
export function sshdSetEnv(env: Readonly<Record<string, string>>): string {
  const words = Object.entries(env).flatMap(([name, value]) =>
    /^[A-Za-z_]\w*$/.test(name) && !/["\\\n\r]/.test(value) ? [`"${name}=${value}"`] : [],
  );
  return words.length === 0 ? '' : `SetEnv ${words.join(' ')}`;
}

/** A host name out of a project's name: lower-case letters, digits and hyphens. */
export function hostName(name: string): string {
  const slug = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replaceAll(/^-+|-+$/g, '');
  return slug === '' ? 'vm' : slug;
}

/** Prepares a new machine, as root: its name, its disk, the workspace folder, the environment of plain `ssh`. */
export function prepareGuest(input: {
  readonly hostName: string;
  readonly user: string;
  readonly workspaceFolder: string;
  readonly env: Readonly<Record<string, string>>;
}): readonly string[] {
  return [
    '/bin/sh',
    '-c',
    `set -eu
printf '%s\\n' "$1" > /etc/hostname
printf '127.0.1.1\\t%s\\n' "$1" >> /etc/hosts
printf '%s' "$1" > /proc/sys/kernel/hostname
${guestInit.grow}
mkdir -p -- "$3"
chown "$2:" -- "$3"
sed -i '/^SetEnv /d' /etc/switchyard/sshd_config
[ -z "$4" ] || printf '%s\\n' "$4" >> /etc/switchyard/sshd_config
/usr/sbin/sshd -t -f /etc/switchyard/sshd_config || sed -i '/^SetEnv /d' /etc/switchyard/sshd_config
kill -HUP "$(cat /run/sshd.pid)"
`,
    'prepare',
    input.hostName,
    input.user,
    input.workspaceFolder,
    sshdSetEnv(input.env),
  ];
}
