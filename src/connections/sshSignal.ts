import { randomBytes } from 'node:crypto';

/** In the environment of every program that is run over SSH, so that it can be found again. */
export const markName = 'SWITCHYARD_EXEC';

export function newMark(): string {
  return randomBytes(9).toString('base64url');
}

/**
 * Signals the process groups of a marked program: $1 is the mark's assignment, $2 the signal.
 *
 * The protocol's own way (RFC 4254, section 6.9) cannot be relied on: it has no answer, OpenSSH takes no
 * signals for a session of root, and drops one that comes before the program's session has begun. So the
 * group is looked for, for up to two seconds: a program asked for just now may not have begun. One grep
 * a look: one for each process kept an emulated machine busy for minutes.
 */
const script = `
n=0
while :; do
  groups=
  for file in $(grep -lsF -- "$1" /proc/[0-9]*/environ); do
    read -r stat < "\${file%environ}stat" 2> /dev/null || continue
    set -- "$1" "$2" \${stat##*) }
    case " $groups " in *" $5 "*) ;; *) groups="$groups $5" ;; esac
  done
  for group in $groups; do kill -s "$2" -- "-$group" 2> /dev/null; done
  [ -z "$groups" ] || exit 0
  n=$((n + 1))
  [ "$n" -lt 20 ] || exit 1
  sleep 0.1 2> /dev/null || sleep 1
done`;

/** The argument list of a program that signals the one with the mark; run it as the same user. */
export function signalProgram(mark: string, signal: 'INT' | 'TERM' | 'KILL' | 'HUP'): readonly string[] {
  return ['/bin/sh', '-c', script, 'sh', `${markName}=${mark}`, signal];
}
