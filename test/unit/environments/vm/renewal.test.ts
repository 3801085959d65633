import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../../src/base/log.ts';
import { CommandFailed, type Command, type Runner } from '../../../../src/base/process.ts';
import { parseVolume } from '../../../../src/engines/virshAnswers.ts';
import { MachineDisks } from '../../../../src/environments/vm/machineDisks.ts';
import { isSameButBoot, Renewal, withBoot, type Wanted } from '../../../../src/environments/vm/renewal.ts';
import { vagrantfile } from '../../../../src/environments/vm/vagrantfile.ts';

const never = new AbortController().signal;
const uuid = 'c0853ac8-81e9-4938-af1b-dee8f80a80fd';
const boot = { kernel: '/p/vmlinuz', initrd: '/p/initrd.img', commandLine: 'root=/dev/vda1 quiet' };
const input = {
  box: 'switchyard/a',
  domainPrefix: 'x-',
  machine: 'vm',
  cpus: 1,
  memoryBytes: 2 ** 30,
  diskBytes: 2 ** 33,
  acceleration: 'tcg',
  network: { name: 'switchyard', subnet: '192.168.150.0/24' },
  directBoot: boot,
  uri: 'qemu:///system',
  consoleFile: '/m/console.log',
  bootSeconds: 300,
} as const;
const other = { kernel: '/p/b', initrd: "/p/$&'<c", commandLine: 'root=/dev/vda1 & more' };
const text = vagrantfile(input);

/** As libvirt prints it, shortened. */
const definition = `<domain type='qemu'>
  <uuid>${uuid}</uuid>
  <os>
    <type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type>
    <kernel>/p/vmlinuz</kernel>
    <initrd>/p/initrd.img</initrd>
    <cmdline>root=/dev/vda1 quiet</cmdline>
    <boot dev='hd'/>
  </os>
</domain>
`;

describe('whether a machine would come out the same', () => {
  it.each([
    ['another kernel, initial RAM disk and command line', { directBoot: other }, true],
    ['no kernel', { directBoot: undefined }, false],
    ['another box', { box: 'switchyard/b' }, false],
    ['more memory', { memoryBytes: 2 ** 31 }, false],
    ['a larger disk', { diskBytes: 2 ** 34 }, false],
    ['another libvirt', { uri: 'qemu+ssh://host/system' }, false],
    ['another network', { network: { name: 'switchyard', subnet: '192.168.151.0/24' } }, false],
  ] as const)('with %s', (_what, changes, same) => {
    expect(isSameButBoot(text, vagrantfile({ ...input, ...changes }))).toBe(same);
  });

  it('has the kernel of now in its definition', () => {
    const changed = withBoot(definition, other);
    expect(changed).toContain('<kernel>/p/b</kernel>');
    expect(changed).toContain('<initrd>/p/$&amp;&apos;&lt;c</initrd>');
    expect(changed).toContain('<cmdline>root=/dev/vda1 &amp; more</cmdline>');
    expect(withBoot(changed ?? '', boot)).toBe(definition);
  });

  it('does not where one of both boots from its disk', () => {
    const fromDisk = definition.replaceAll(/ *<(kernel|initrd|cmdline)>.*\n/g, '');
    expect(withBoot(definition, undefined)).toBeUndefined();
    expect(withBoot(fromDisk, boot)).toBeUndefined();
    expect(withBoot(fromDisk, undefined)).toBe(fromDisk);
  });
});

describe('a volume', () => {
  it('is read with what it stands on', () => {
    const xml = `<volume type='file'>
  <name>a.img</name>
  <capacity unit='bytes'>6442450944</capacity>
  <target><path>/p/a.img</path></target>
  <backingStore>
    <path>/p/it&apos;s &amp;amp.img</path>
  </backingStore>
</volume>`;
    expect(parseVolume(xml)).toEqual({ capacityBytes: 6442450944, backing: "/p/it's &amp.img" });
    const alone = xml.replace(/<backingStore>[^]*<\/backingStore>/, '');
    expect(parseVolume(alone)).toEqual({ capacityBytes: 6442450944, backing: undefined });
    expect(() => parseVolume('')).toThrow('capacity');
  });
});

type Answers = Readonly<Record<string, string | Error>>;

/** libvirt with one machine, as far as a renewal asks for it. */
const libvirt: Answers = {
  dominfo: `UUID: ${uuid}\nState: running\nId: 3\nManaged save: no\n`,
  dumpxml: definition,
  'snapshot-list': '\n',
  'pool-list': ' default\n',
  'vol-list': ' d.img  /p/d.img\n a_vagrant_box_image_1_box.img  /p/a_vagrant_box_image_1_box.img\n',
  'vol-dumpxml': `<capacity unit='bytes'>8</capacity><backingStore>
    <path>/p/a_vagrant_box_image_1_box.img</path></backingStore>`,
  'vol-path': '/p/a_vagrant_box_image_1_box.img\n',
};

/** What changes nothing. */
const looks = new Set(Object.keys(libvirt));

describe('a machine that Vagrant made', () => {
  let folder: string;
  let calls: string[];
  let wanted: Wanted;
  const idFile = (): string => path.join(folder, 'id');

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'switchyard-renewal-'));
    await mkdir(path.join(folder, 'keys'));
    calls = [];
    wanted = { vagrantfile: text, directBoot: boot, privateKeyFile: path.join(folder, 'keys', 'key') };
    await writeFile(path.join(folder, 'keys', 'key'), 'secret');
    await writeFile(path.join(folder, 'Vagrantfile'), text);
    await writeFile(idFile(), uuid);
    await renewal({}).note(wanted, never);
    calls = [];
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  function renewal(answers: Answers): Renewal {
    const runner: Runner = {
      run: <T>(command: Command<T>): Promise<T> => {
        const verb = command.args.find((arg) => /^[a-z]+(-[a-z]+)*$/.test(arg)) ?? '';
        calls.push(verb);
        const answer = answers[verb] ?? libvirt[verb] ?? '';
        return typeof answer === 'string' ? Promise.resolve(command.parse(answer)) : Promise.reject(answer);
      },
    };
    const disks = new MachineDisks(runner, 'd');
    const consoleFile = path.join(folder, 'console.log');
    const parts = { domain: 'd', disks, folder, idFile: idFile(), consoleFile, runner, log: silentLogger };
    return new Renewal(parts);
  }
  const changing = (): string[] => calls.filter((verb) => !looks.has(verb));

  it('begins on an empty disk, with the kernel of now', async () => {
    const now = { ...wanted, vagrantfile: vagrantfile({ ...input, directBoot: other }), directBoot: other };
    expect(await renewal({}).renew(now, never)).toBe(true);
    expect(changing()).toEqual(['destroy', 'vol-delete', 'vol-create-as', 'define', 'start']);
    expect(await readFile(path.join(folder, 'Vagrantfile'), 'utf8')).toBe(now.vagrantfile);
  });

  it('that sleeps loses its memory first', async () => {
    const asleep = `UUID: ${uuid}\nState: shut off\nId: -\nManaged save: yes\n`;
    expect(await renewal({ dominfo: asleep }).renew(wanted, never)).toBe(true);
    expect(changing()).toEqual(['managedsave-remove', 'vol-delete', 'vol-create-as', 'define', 'start']);
  });

  it.each<[string, () => Promise<Answers>]>([
    ['it was made by a version that kept nothing', () => rm(path.join(folder, 'made.json')).then(() => ({}))],
    ['what is kept is damaged', () => writeFile(path.join(folder, 'made.json'), '{').then(() => ({}))],
    ['its box was built anew', () => writeFile(path.join(folder, 'keys', 'key'), 'b').then(() => ({}))],
    ['its Vagrantfile is gone', () => rm(path.join(folder, 'Vagrantfile')).then(() => ({}))],
    ['Vagrant does not know it', () => rm(idFile()).then(() => ({}))],
    ['Vagrant knows another', () => writeFile(idFile(), '1').then(() => ({}))],
    ['it is gone', () => Promise.resolve({ dominfo: gone() })],
    [
      'somebody made another',
      () => Promise.resolve({ dominfo: 'UUID: 2\nState: shut off\nManaged save: no\n' }),
    ],
    ['it has snapshots', () => Promise.resolve({ 'snapshot-list': 'first\n' })],
    ['its disk is gone', () => Promise.resolve({ 'vol-list': ' other.img  /p/other.img\n' })],
    [
      'the box is gone from libvirt',
      () => Promise.resolve({ 'vol-list': ' d.img  /p/d.img\n', 'vol-path': gone() }),
    ],
    ['its disk stands by itself', () => Promise.resolve({ 'vol-dumpxml': "<capacity unit='bytes'>8<" })],
    [
      'its disk stands on something else',
      () =>
        Promise.resolve({
          'vol-dumpxml': "<capacity unit='bytes'>8<<backingStore><path>/p/d.img</path></backingStore>",
        }),
    ],
    [
      'the box is in another place',
      () => Promise.resolve({ 'vol-path': '/q/a_vagrant_box_image_1_box.img' }),
    ],
  ])('is left as it is where %s', async (_what, prepare) => {
    expect(await renewal(await prepare()).renew(wanted, never)).toBe(false);
    expect(changing()).toEqual([]);
  });

  it('is Vagrant’s to make where it does not start', async () => {
    expect(await renewal({ start: gone() }).renew(wanted, never)).toBe(false);
    expect(changing().at(-1)).toBe('start');
  });

  it('is not made by anybody where that is cancelled', async () => {
    const cancel = new AbortController();
    cancel.abort();
    await expect(renewal({ start: gone() }).renew(wanted, cancel.signal)).rejects.toMatchObject({
      name: 'AbortError',
    });
  });
});

function gone(): CommandFailed {
  const stderr = "error: failed to get domain 'd'";
  return new CommandFailed({ program: 'virsh', args: [], reason: 'exit', exitCode: 1, stderr });
}
