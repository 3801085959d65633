import { quote, quoteAll } from '../../../base/shell.ts';
import type { GuestMount } from './plan.ts';

/** Below it each copy has a folder of its own, named by its key, with the copy in it as `it`. */
export const copiesFolder = '/var/lib/switchyard/mounts';

/** Mounts all that is not mounted yet; what cannot be is said, line by line, on the standard error. */
export const mountProgram = '/etc/switchyard/mount';

/**
 * As Docker does it: a volume that is empty gets what the image has at its place, with owner and mode, when a
 * new machine gets it. A disk has its label only once that is complete, so one that was not finished begins
 * anew. Folders that are missing on the way to a place in the workspace belong to the user, who syncs there.
 */
const functions = String.raw`#!/bin/sh
# Written by Switchyard when the machine was made.
fresh=$1
failed=0
fail() { echo "$1: $2" >&2; failed=1; }

# place TARGET folder|file
place() {
  [ -e "$1" ] || [ -L "$1" ] || {
    case $1 in
      "$workspace"/*)
        at=$workspace rest=${'$'}{1#"$workspace"/}
        [ -d "$at" ] || { mkdir -p -- "$at" && chown -- "$user:" "$at"; }
        while [ "$rest" != "${'$'}{rest#*/}" ]; do
          at=$at/${'$'}{rest%%/*} rest=${'$'}{rest#*/}
          [ -d "$at" ] || { mkdir -- "$at" && chown -- "$user:" "$at"; }
        done ;;
      *) mkdir -p -- "$(dirname -- "$1")" ;;
    esac
    if [ "$2" = file ]; then : > "$1"; else mkdir -- "$1"; fi
  }
}

is_mounted() { mountpoint -q -- "$1" 2>/dev/null || grep -qsF " $1 " /proc/mounts; }

device_of() {
  for block in /sys/block/vd*; do
    [ "$(cat "$block/serial" 2>/dev/null)" != "$1" ] || echo "/dev/${'$'}{block##*/}"
  done
}

# disk SERIAL TARGET ro|rw
disk() {
  is_mounted "$2" && return
  place "$2" folder || { fail "$2" 'no folder can be made there'; return; }
  tries=0 device=$(device_of "$1")
  until [ -b "$device" ]; do
    tries=$((tries + 1))
    [ $tries -le 100 ] || { fail "$2" 'the disk of its volume is not there'; return; }
    sleep 0.1
    device=$(device_of "$1")
  done
  label=$(blkid -p -s LABEL -o value -- "$device")
  if [ "$label" != switchyard ]; then
    [ -n "$fresh" ] || { fail "$2" 'its volume was never finished'; return; }
    said=$(mkfs.ext4 -q -F -m 0 -E lazy_itable_init=1,lazy_journal_init=1,nodiscard -- "$device" 2>&1) ||
      { fail "$2" "$said"; return; }
  fi
  if [ -n "$fresh" ]; then
    inside=/run/switchyard/volume
    mkdir -p "$inside"
    said=$(mount -t ext4 -- "$device" "$inside" 2>&1) || { fail "$2" "$said"; return; }
    [ "$label" = switchyard ] || rmdir "$inside/lost+found"
    if [ -z "$(ls -A "$inside")" ]; then
      said=$(cp -a -- "$2/." "$inside/" 2>&1) ||
        { fail "$2" "$said"; umount "$inside"; return; }
    fi
    umount "$inside"
    [ "$label" = switchyard ] || e2label "$device" switchyard
  fi
  said=$(mount -t ext4 -o "noatime,$3" -- "$device" "$2" 2>&1) || fail "$2" "$said"
}

folder() { place "$1" folder || fail "$1" 'no folder can be made there'; }

# bring FROM TARGET ro|rw
bring() {
  [ -e "$1" ] || return
  is_mounted "$2" && return
  if [ -d "$1" ]; then what=folder; else what=file; fi
  place "$2" $what || { fail "$2" "no $what can be made there"; return; }
  said=$(mount --bind -- "$1" "$2" 2>&1) || { fail "$2" "$said"; return; }
  [ "$3" = rw ] || said=$(mount -o remount,bind,ro -- "$2" 2>&1) || fail "$2" "$said"
}

# workspace_folder FROM TARGET ro|rw
workspace_folder() {
  if [ "$1" = "$workspace" ]; then
    [ -d "$1" ] || { mkdir -p -- "$1" && chown -- "$user:" "$1"; }
  else
    [ -d "$1" ] || { place "$1" folder && chown -- "$user:" "$1"; }
  fi
  bring "$@"
}

# memory OPTIONS TARGET ro|rw
memory() {
  is_mounted "$2" && return
  place "$2" folder || { fail "$2" 'no folder can be made there'; return; }
  said=$(mount -t tmpfs -o "$1,$3" -- tmpfs "$2" 2>&1) || fail "$2" "$said"
}
`;

/** The program that mounts everything; with an argument, in a new machine. */
export function mountScript(
  mounts: readonly GuestMount[],
  machine: { readonly user: string; readonly workspaceFolder: string },
): string {
  const calls = mounts.map((mount) => {
    const access = mount.readOnly ? 'ro' : 'rw';
    switch (mount.how) {
      case 'disk':
        return quoteAll(['disk', mount.serial, mount.target, access]);
      case 'folder':
        return quoteAll(['folder', mount.target]);
      case 'workspace':
        return quoteAll(['workspace_folder', mount.from, mount.target, access]);
      case 'copy':
        return quoteAll(['bring', `${copiesFolder}/${mount.key}/it`, mount.target, access]);
      case 'tmpfs':
        return quoteAll(['memory', mount.options, mount.target, access]);
    }
  });
  return [
    functions,
    `user=${quote(machine.user)}`,
    `workspace=${quote(machine.workspaceFolder)}`,
    ...calls,
    'exit $failed',
    '',
  ].join('\n');
}

/**
 * Puts the program into a new machine, and runs it for the first time. Its input is the program. At each boot the way
 * into the machine runs it before anybody is let in (wayIn.ts).
 */
export const installMounts: readonly string[] = [
  '/bin/sh',
  '-c',
  `set -eu
mkdir -p /etc/switchyard
cat > ${mountProgram}
chmod 0755 ${mountProgram}
exec ${mountProgram} new
`,
  'install',
];

/** Takes a copy's place before what comes on the standard input as a tar archive is put there. */
export function replaceCopy({ key, target }: { key: string; target: string }): readonly string[] {
  return [
    '/bin/sh',
    '-c',
    `set -eu
umount -l -- "$2" 2>/dev/null || true
rm -rf -- "$1"
mkdir -p -m 0755 -- "$1"
exec tar -x -f - -C "$1" --numeric-owner --same-permissions
`,
    'copy',
    `${copiesFolder}/${key}`,
    target,
  ];
}
