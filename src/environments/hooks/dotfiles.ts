import * as l10n from '@vscode/l10n';
import type { HookPlan, HookStep } from './plan.ts';

/** The person's own files for every environment, from the editor's settings. */
export interface Dotfiles {
  /** What `git clone` takes, or `owner/name` of a repository on GitHub. */
  readonly repository: string;
  /** Path inside, in which `~` is the home folder. */
  readonly targetPath: string;
  /** A program of the repository; empty for the first of the usual names. */
  readonly installCommand: string;
}

/**
 * Clones the repository where there is nothing yet, then installs it: by the program that was named, else
 * by the first that has one of the names that the Dev Containers CLI looks for, else by links in the home
 * folder to everything that begins with a dot.
 * @see https://code.visualstudio.com/docs/devcontainers/containers#_personalizing-with-dotfile-repositories
 */
const script = `set -eu
repository=$1 target=$2 install=$3
case $target in '~') target=$HOME ;; '~/'*) target=$HOME/\${target#??} ;; esac
[ -e "$target" ] || git clone --quiet --depth 1 -- "$repository" "$target"
cd "$target"
if [ -z "$install" ]; then
  for name in install.sh install bootstrap.sh bootstrap script/bootstrap setup.sh setup script/setup; do
    if [ -f "$name" ]; then install=$name; break; fi
  done
fi
if [ -n "$install" ]; then
  [ -f "$install" ] || { echo "$install is not in the repository." >&2; exit 1; }
  [ -x "$install" ] || chmod +x "$install"
  case $install in /*) exec "$install" ;; *) exec "./$install" ;; esac
fi
for name in .*; do
  case $name in .|..|.git) ;; *) ln -sfn "$target/$name" "$HOME/$name" ;; esac
done
`;

/** The plan with the dotfiles, which come after everything else of the creation and before the start. */
export function withDotfiles(plan: HookPlan, dotfiles: Dotfiles | undefined): HookPlan {
  if (!dotfiles || dotfiles.repository.trim() === '') return plan;
  const { targetPath, installCommand } = dotfiles;
  const repository = addressOf(dotfiles.repository.trim());
  const step: HookStep = {
    name: l10n.t('dotfiles'),
    argv: ['/bin/sh', '-c', script, 'sh', repository, targetPath || '~/dotfiles', installCommand],
    text: repository,
  };
  return new Map([...plan, ['postCreateCommand', [...(plan.get('postCreateCommand') ?? []), [step]]]]);
}

/** `owner/name` stands for a repository on GitHub, as it does for the Dev Containers CLI. */
function addressOf(repository: string): string {
  return /^[\w.-]+\/[\w.-]+$/.test(repository) && !repository.startsWith('.')
    ? `https://github.com/${repository}.git`
    : repository;
}
