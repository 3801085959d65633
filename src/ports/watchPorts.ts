import { withDeadline } from '../base/abort.ts';
import type { Connection, RemoteProcess } from '../connections/connection.ts';
import { parseListeners, type Listener } from './listeners.ts';

/** Bound on starting the program, in milliseconds. */
const startMs = 30_000;

/**
 * Prints the rows of /proc/net/tcp and tcp6 that listen, each with its command line, and an empty line after
 * them; at first, and then whenever others do. Ends with its input. One process that looks once a second and
 * starts no other.
 */
const perl = `
use strict; $| = 1; my $last;
sub names {
  my %want = map { ("socket:[$_]" => 1) } @_; my %name;
  opendir my $proc, "/proc" or return; 
  for my $pid (grep /^[0-9]+$/, readdir $proc) {
    opendir my $fds, "/proc/$pid/fd" or next;
    for my $fd (readdir $fds) {
      my $to = readlink "/proc/$pid/fd/$fd";
      next unless defined $to && $want{$to} && !exists $name{$to};
      open my $in, "<", "/proc/$pid/cmdline" or next;
      local $/; my $line = <$in>; $line = "" unless defined $line;
      $line =~ s/[\\0-\\x1f\\x7f]+/ /g; $line =~ s/ +$//;
      $name{$to} = substr $line, 0, 300;
    }
  }
  return %name;
}
while (1) {
  my @rows;
  for my $file ("/proc/net/tcp", "/proc/net/tcp6") {
    open my $in, "<", $file or next;
    while (my $row = <$in>) { chomp $row; my @part = split " ", $row; push @rows, [$row, @part[1, 9]] if @part > 9 && $part[3] eq "0A"; }
  }
  my $now = join " ", map { "$_->[1] $_->[2]" } @rows;
  if (!defined $last || $now ne $last) {
    $last = $now;
    my %name = names(map { $_->[2] } @rows);
    print map({ $_->[0] . "\\t" . ($name{"socket:[$_->[2]]"} // "") . "\\n" } @rows), "\\n";
  }
  my $bits = ""; vec($bits, 0, 1) = 1;
  if (select $bits, undef, undef, 1) { sysread STDIN, my $data, 4096 or exit 0; }
}`;

/** With perl where there is one. Without it the shell does it with two small programs every two seconds, and names nobody. */
const script = `command -v perl >/dev/null 2>&1 && exec perl -e "$1"
exec 3<&0
(while read -r line; do :; done <&3; kill "$$" 2>/dev/null) &
last=none
while :; do
  now=$(grep -h ' 0A ' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
  if [ "$now" != "$last" ]; then last=$now; [ -z "$now" ] || printf '%s\\n' "$now"; echo; fi
  sleep 2
done`;

/** The program that watches; exported for its tests. */
export const watchArgv: readonly string[] = ['/bin/sh', '-c', script, 'sh', perl];

/**
 * Tells who listens inside, at first and then at every change, until the signal fires or the program ends.
 * @throws SwitchyardError where it cannot be started; afterwards it only ends
 */
export async function watchPorts(
  connection: Connection,
  onListeners: (listeners: readonly Listener[]) => void,
  signal: AbortSignal,
): Promise<void> {
  const process = await connection.exec({ argv: watchArgv, cwd: '/' }, withDeadline(signal, startMs));
  const end = (): void => {
    // Its input's end reaches it also where no signal does.
    process.stdin.end();
    process.dispose();
  };
  signal.addEventListener('abort', end, { once: true });
  try {
    if (signal.aborted) end();
    await readReports(process, (rows) => {
      if (!signal.aborted) onListeners(parseListeners(rows));
    });
  } finally {
    signal.removeEventListener('abort', end);
    process.dispose();
  }
}

async function readReports(
  process: RemoteProcess,
  onReport: (rows: readonly string[]) => void,
): Promise<void> {
  // A guest that goes away breaks the pipe; the exit below tells it.
  process.stdin.on('error', () => undefined);
  process.stderr.resume();
  let rest = '';
  let rows: string[] = [];
  process.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line !== '') rows.push(line);
      else {
        onReport(rows);
        rows = [];
      }
    }
  });
  await process.exit;
}
