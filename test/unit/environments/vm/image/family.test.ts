import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recipeKey } from '../../../../../src/environments/vm/image/boxBuilder.ts';
import { families, familyOf, parseOsRelease } from '../../../../../src/environments/vm/image/family.ts';
import { guestFiles, kernelCommandLine } from '../../../../../src/environments/vm/image/guestFiles.ts';
import { openrc } from '../../../../../src/environments/vm/image/openrc.ts';
import { systemd } from '../../../../../src/environments/vm/image/systemd.ts';
import { firstFile, packFiles } from '../../../../../src/environments/vm/image/tar.ts';
import { keep, pidFiles, wayIn } from '../../../../../src/environments/vm/image/wayIn.ts';

const noKeys = { userPrivate: '', userPublic: '', hostPrivate: '', hostPublic: '' };

describe('image families', () => {
  it('read os-release, with its quotes', () => {
    expect(parseOsRelease('PRETTY_NAME="Ubuntu 24.04 LTS"\nID=ubuntu\nID_LIKE=debian\n')).toEqual({
      name: 'Ubuntu 24.04 LTS',
      ids: ['ubuntu', 'debian'],
    });
  });

  it.each([
    ['ID=debian', 'debian'],
    ['ID=linuxmint\nID_LIKE="ubuntu debian"', 'debian'],
    ['ID=fedora\nVERSION_ID=40', 'fedora'],
    ['ID="rhel"\nID_LIKE="fedora"', 'fedora'],
    ['ID="centos"\nID_LIKE="rhel fedora"', 'fedora'],
    ['ID="rocky"\nID_LIKE="rhel centos fedora"', 'fedora'],
    ['ID="almalinux"\nID_LIKE="rhel centos fedora"', 'fedora'],
    ['ID="ol"\nID_LIKE="fedora"', 'fedora'],
    ['ID=alpine\nVERSION_ID=3.20.3', 'alpine'],
    ['ID=wolfi\nID_LIKE=alpine', 'alpine'],
  ])('take %j', (text, family) => {
    expect(familyOf(parseOsRelease(text), 'x').name).toBe(family);
  });

  it('go by what an image is before what it is like', () => {
    expect(familyOf(parseOsRelease('ID=alpine\nID_LIKE=debian'), 'x').name).toBe('alpine');
    expect(familyOf(parseOsRelease('ID=mine\nID_LIKE="fedora debian"'), 'x').name).toBe('fedora');
  });

  it('name the family that cannot be taken', () => {
    for (const [text, found] of [
      ['ID=arch\nPRETTY_NAME="Arch Linux"', 'Arch Linux'],
      [undefined, 'no os-release'],
    ] as const) {
      const error = expect.objectContaining({
        code: 'image.family',
        message: expect.stringContaining(found) as string,
      }) as Error;
      expect(() => familyOf(text === undefined ? undefined : parseOsRelease(text), 'img')).toThrow(error);
    }
  });

  it('are read out of an archive', async () => {
    const archive = await packFiles([{ path: 'os-release', mode: 0o644, content: 'ID=debian' }]);
    expect((await firstFile(Readable.from([archive])))?.toString()).toBe('ID=debian');
  });

  it('have a recipe each, which covers all that goes into their boxes', () => {
    const keys = families.map((family) => recipeKey(family, 'tcg'));
    expect(new Set(keys).size).toBe(families.length);
    const debian = familyOf(parseOsRelease('ID=debian'), 'x');
    const key = recipeKey(debian, 'tcg');
    expect(recipeKey({ ...debian }, 'tcg')).toBe(key);
    const { init, systemScript } = debian;
    for (const changed of [
      { ...debian, systemScript: `${systemScript}:` },
      { ...debian, init: { ...init, arrange: `${init.arrange}:` } },
      { ...debian, init: { ...init, kernelOptions: [] } },
      { ...debian, init: { ...init, files: () => [] } },
    ]) {
      expect(recipeKey(changed, 'tcg')).not.toBe(key);
    }
  });
});

describe('what a machine gets for its init system', () => {
  it('is no word of systemd for OpenRC, and of PAM neither', () => {
    const files = guestFiles(openrc, noKeys, 'tcg');
    const system = files.filter((file) => /systemd|systemctl/.test(file.path + file.content));
    expect(system.map((file) => file.path)).toEqual([]);
    const sshd = (init: typeof openrc): string =>
      guestFiles(init, noKeys, 'kvm').find(({ path: at }) => at.endsWith('sshd_config'))?.content ?? '';
    expect(sshd(openrc)).not.toContain('UsePAM');
    expect(sshd(systemd)).toMatch(/^UsePAM no$/m);
    expect(kernelCommandLine(openrc, 'kvm')).toBe('console=ttyS0 quiet net.ifnames=0');
  });
});

describe('the way into a machine', () => {
  const script = (init: typeof openrc, at: string): string => {
    const file = guestFiles(init, noKeys, 'tcg').find(({ path: where }) => where === `in/root/${at}`);
    return file?.content.toString() ?? '';
  };

  it('comes before systemd, which takes over what it started', () => {
    const started = script(systemd, wayIn);
    for (const [unit, pidFile] of [
      ['sshd', pidFiles.sshd],
      ['network', pidFiles.network],
    ] as const) {
      const text = script(systemd, `etc/systemd/system/switchyard-${unit}.service`);
      const command = new RegExp(`^ExecStart=/${keep} ${pidFile} (.*)$`, 'm').exec(text)?.[1];
      expect(text).toContain(`Type=forking\nPIDFile=${pidFile}\n`);
      expect(started).toContain(`exec ${command ?? 'nothing'}\n`);
    }
  });

  it('is begun by the init of OpenRC, which is there at once', () => {
    expect(script(openrc, wayIn)).toBe('');
    expect(script(openrc, 'etc/inittab')).toMatch(/^::respawn:\/usr\/sbin\/sshd /m);
  });

  it('is opened when everything is mounted', () => {
    const started = script(systemd, wayIn);
    expect(started).toContain('/etc/switchyard/mount > ');
    expect(started.indexOf('/usr/sbin/sshd')).toBeGreaterThan(started.indexOf('/etc/switchyard/mount'));
    // Its init waits for this before it starts anything else.
    expect(script(openrc, 'usr/lib/switchyard/boot')).toContain('/etc/switchyard/mount > ');
  });
});

describe('an OpenRC guest', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'switchyard-openrc-'));
    for (const folder of ['etc/init.d', 'etc/runlevels/default', 'etc/runlevels/boot', 'sbin']) {
      await mkdir(path.join(root, folder), { recursive: true });
    }
    for (const service of ['devfs', 'hostname', 'sshd', 'mount-ro', 'switchyard-network']) {
      await writeFile(path.join(root, 'etc/init.d', service), '');
    }
    await symlink('/etc/init.d/sshd', path.join(root, 'etc/runlevels/default/sshd'));
    await symlink('/etc/init.d/mine', path.join(root, 'etc/runlevels/default/mine'));
    await promisify(execFile)('sh', ['-eu', '-c', openrc.arrange], { cwd: root });
  });
  afterEach(async () => rm(root, { recursive: true }));

  const inLevels = async (service: string): Promise<string[]> => {
    const { stdout } = await promisify(execFile)(
      'sh',
      ['-c', 'ls -d */"$1" 2>/dev/null || :', 'sh', service],
      {
        cwd: path.join(root, 'etc/runlevels'),
      },
    );
    return stdout.split('\n').filter((line) => line !== '');
  };

  it('has in its runlevels what its distribution has, and no second sshd', async () => {
    expect(await inLevels('devfs')).toEqual(['sysinit/devfs']);
    expect(await inLevels('hostname')).toEqual(['boot/hostname']);
    expect(await inLevels('mount-ro')).toEqual(['shutdown/mount-ro']);
    expect(await inLevels('switchyard-network')).toEqual(['boot/switchyard-network']);
    expect(await inLevels('mine')).toEqual(['default/mine']);
    for (const none of ['sshd', 'syslog', 'cgroups']) expect(await inLevels(none)).toEqual([]);
    expect(await readFile(path.join(root, 'etc/conf.d/bootmisc'), 'utf8')).toContain('wipe_tmp="NO"');
  });

  it('has an init, its own where it has one', async () => {
    const init = path.join(root, 'sbin/init');
    expect(await readlink(init)).toBe('/usr/lib/switchyard/busybox');
    await rm(init);
    await symlink('/bin/busybox', init);
    await promisify(execFile)('sh', ['-eu', '-c', openrc.arrange], { cwd: root });
    expect(await readlink(init)).toBe('/bin/busybox');
  });
});
