import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { mountScript } from '../../../../src/environments/vm/mounts/guestMounts.ts';
import { planMounts, unsyncedPlaces, type MountPlan } from '../../../../src/environments/vm/mounts/plan.ts';
import { entrypointScript } from '../../../../src/environments/vm/entrypoints.ts';
import { compilePattern } from '../../../../src/sync/patterns.ts';
import { virshCommands } from '../../../../src/engines/virsh.ts';
import { parseDisks } from '../../../../src/engines/virshAnswers.ts';

const around = {
  hostFolder: '/home/me/api',
  guestFolder: '/workspaces/api',
  isFile: (file: string) => file.endsWith('.txt'),
};
const plan = (...mounts: unknown[]): MountPlan => planMounts({ mounts }, around);

describe('mounts in a machine', () => {
  it('are a disk for a named volume, and a folder for one without a name', () => {
    expect(plan('source=cache,target=/cache', 'type=volume,target=/own').mounts).toEqual([
      {
        how: 'disk',
        name: 'cache',
        target: '/cache',
        readOnly: false,
        serial: expect.stringMatching(/^.{1,20}$/) as string,
      },
      { how: 'folder', target: '/own', readOnly: false },
    ]);
  });

  it('of the workspace are the workspace inside; of a file of it, and of all else, copies', () => {
    const { mounts } = plan(
      'type=bind,source=/home/me/api,target=/all',
      'type=bind,source=/home/me/api/a/b,target=/b,readonly',
      'type=bind,source=/home/me/api/one.txt,target=/one',
      'type=bind,source=/home/me/api-too,target=/too',
      'type=bind,source=/home/me/api/../.ssh,target=/ssh',
    );
    expect(
      mounts.map((one) => (one.how === 'workspace' ? one.from : one.how === 'copy' && one.source)),
    ).toEqual([
      '/workspaces/api',
      '/workspaces/api/a/b',
      '/home/me/api/one.txt',
      '/home/me/api-too',
      '/home/me/.ssh',
    ]);
    expect(mounts.map(({ readOnly }) => readOnly)).toEqual([false, true, false, false, false]);
  });

  it('in memory have the engine’s defaults', () => {
    expect(plan('type=tmpfs,target=/a').mounts).toMatchObject([{ options: 'nosuid,nodev,noexec,mode=1777' }]);
    for (const [size, bytes] of [
      ['64m', 64 * 2 ** 20],
      ['64MiB', 64 * 2 ** 20],
      ['1g', 2 ** 30],
      ['4096', 4096],
    ] as const) {
      expect(plan(`type=tmpfs,target=/a,tmpfs-size=${size},tmpfs-mode=700`).mounts).toMatchObject([
        { options: `nosuid,nodev,noexec,mode=700,size=${bytes}` },
      ]);
    }
    expect(plan('type=tmpfs,target=/a,"tmpfs-mode=7,exec"').mounts).toMatchObject([
      { options: 'nosuid,nodev,noexec,mode=1777' },
    ]);
  });

  it('that are within others come after them', () => {
    const { mounts } = plan('source=c,target=/a/b/c', 'source=a,target=/a', 'source=b,target=/a/b');
    expect(mounts.map(({ target }) => target)).toEqual(['/a', '/a/b', '/a/b/c']);
  });

  it('that a machine cannot have are named with the reason', () => {
    const { mounts, ignored } = plan(
      'type=bind,source=/var/run/docker.sock,target=/var/run/docker.sock',
      'type=bind,source=/run/user/1000/podman/podman.sock,target=/p',
      'source=v,target=/v,volume-driver=nfs',
      'source=v,target=/',
      'source=a/b,target=/v',
      'type=bind,source=a/b,target=/v',
      'type=npipe,source=//./pipe/x,target=/x',
      'target=relative',
    );
    expect(mounts).toEqual([]);
    expect(ignored.map(({ property }) => property)).toEqual(
      ['/var/run/docker.sock', '/p', '/v', '/', '/v', '/v', '/x', 'target=relative'].map(
        (at) => `mounts: ${at}`,
      ),
    );
    for (const { reason } of ignored) expect(reason).toMatch(/^\S.*\.$/);
  });

  it('that are no list are named too', () => {
    // What the types rule out, a file may hold.
    expect(planMounts({ mounts: 5 as unknown as [] }, around)).toEqual({
      mounts: [],
      ignored: [{ property: 'mounts', reason: expect.any(String) as string }],
    });
    expect(planMounts({}, around)).toEqual({ mounts: [], ignored: [] });
  });

  it('within the workspace are not synced, by exactly their path', () => {
    const odd = 'packages/o#ne [x]*/!node_modules';
    const patterns = unsyncedPlaces(
      plan(`source=v,target=/workspaces/api/${odd}`, 'source=w,target=/workspaces/api', 'source=x,target=/x'),
      around.guestFolder,
    );
    expect(patterns).toHaveLength(1);
    const rule = compilePattern(patterns[0] ?? '');
    const matches = (at: string): boolean => new RegExp(`^(?:${rule?.expression})$`).test(at);
    expect(rule).toMatchObject({ negated: false, byName: false });
    expect(matches(odd)).toBe(true);
    expect(matches('packages/o#ne x/!node_modules')).toBe(false);
    expect(matches('packages/o#ne [x]/more/!node_modules')).toBe(false);
  });

  it('are written as a program in which no name is read as anything else', () => {
    const odd = `/it's $(touch /tmp/oops) "x"`;
    const script = mountScript(plan(`source=v,target=${odd}`, `type=tmpfs,target=${odd}`).mounts, {
      user: 'dev',
      workspaceFolder: odd,
    });
    const calls = script.slice(script.indexOf('\nuser='));
    const seen = execFileSync('sh', ['-s'], {
      input: `disk() { printf '%s\\n' "$2"; }; memory() { printf '%s\\n' "$2"; }; failed=0;${calls}`,
    });
    expect(seen.toString()).toBe(`${odd}\n${odd}\n`);
    execFileSync('sh', ['-n'], { input: script });
  });
});

describe('the disks of volumes', () => {
  it('are told from others, and plugged in by their serial', () => {
    expect(
      parseDisks(` file   disk    vda   /var/lib/libvirt/images/one.img
 file   cdrom   sda   /srv/one.iso
 file   disk    vdb   /srv/with space/two.qcow2
`),
    ).toEqual([
      { device: 'vda', path: '/var/lib/libvirt/images/one.img' },
      { device: 'vdb', path: '/srv/with space/two.qcow2' },
    ]);
    const { args } = virshCommands.attachDisk('d', { path: '/p', device: 'vdb', serial: 's' });
    expect(args.join(' ')).toContain('--source /p --target vdb --driver qemu --subdriver qcow2 --serial s');
  });
});

describe('entrypoints in a machine', () => {
  it('run one after the other with the container’s environment, also after one that fails', () => {
    const script = entrypointScript([`echo "it's $GREETING"`, 'exit 3', 'exec echo last', '. /dev/null'], {
      GREETING: `a "b" $HOME 'c'`,
      'NOT-A-NAME': 'x',
    });
    let said = '';
    try {
      execFileSync('sh', ['-c', script], { stdio: 'pipe' });
    } catch (error) {
      const { stdout, stderr, status } = error as { stdout: Buffer; stderr: Buffer; status: number };
      said = `${stdout.toString()}${stderr.toString()}${status}`;
    }
    expect(said).toBe(`it's a "b" $HOME 'c'\nlast\nexit 3 failed: 3\n1`);
  });
});
