/**
 * Programs in a container are found again by a variable that only they and what they start have. The
 * engine knows their process ids on its own computer, which may be another one, or hidden in a VM.
 */
export const tagVariable = 'SWITCHYARD_EXEC';

/**
 * Prints the process id (inside) of the leader of the session that an exec with this tag began. Must run
 * as the exec's own user: without CAP_SYS_PTRACE not even root reads another user's environment.
 */
export function findLeaderArgv(tag: string): readonly string[] {
  return ['/bin/sh', '-c', findLeaderScript, 'sh', `${tagVariable}=${tag}`];
}

/** Sends a signal to every process of the session. Runs as root: what sudo started belongs to it, too. */
export function signalSessionArgv(leader: number, signal: string): readonly string[] {
  return ['/bin/sh', '-c', signalSessionScript, 'sh', String(leader), signal];
}

// Of `/proc/<pid>/stat`, what follows the last `)` begins: state, parent, group, session. The name before
// it may hold anything. See proc_pid_stat(5).
const findLeaderScript = `
for file in $(grep -lsF -- "$1" /proc/[0-9]*/environ); do
  pid=\${file#/proc/}; pid=\${pid%/environ}
  read -r stat 2>/dev/null < "/proc/$pid/stat" || continue
  set -- "$1" \${stat##*) }
  if [ "$5" = "$pid" ]; then echo "$pid"; exit 0; fi
done
exit 1`;

const signalSessionScript = `
leader=$1 signal=$2 found=1
for folder in /proc/[0-9]*; do
  pid=\${folder#/proc/}
  read -r stat 2>/dev/null < "$folder/stat" || continue
  set -- \${stat##*) }
  if [ "$4" = "$leader" ] && kill -s "$signal" "$pid" 2>/dev/null; then found=0; fi
done
exit "$found"`;
