import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Project } from '../../src/config/project.ts';
import type { Environment } from '../../src/environments/environment.ts';
import { never } from './support/docker.ts';
import { Steps, vmLab, type VmLab } from './support/vm.ts';

/** What Vagrant says of a Vagrantfile before there is a machine. Machines out of one: see test/sources. */

const two = `Vagrant.configure('2') do |config|
  config.vm.box = 'switchyard-test/nowhere'
  config.vm.define 'web'
  config.vm.define 'db'
end
`;
const options = { progress: new Steps(), signal: never };

describe('a Vagrantfile that cannot be opened', () => {
  let lab: VmLab;
  const opened: Environment[] = [];

  beforeAll(async () => {
    lab = await vmLab();
  });
  afterAll(async () => {
    for (const vm of opened) vm.dispose();
    await lab.end();
  });

  async function made(
    name: string,
    file: string,
    config: object | 'none' = 'none',
  ): Promise<{ project: Project; vm: Environment; file: string }> {
    const project = await lab.project(name, config);
    await writeFile(path.join(project.folder, 'Vagrantfile'), file);
    const vm = lab.provider.forProject(project);
    opened.push(vm);
    return { project, vm, file: path.join(project.folder, 'Vagrantfile') };
  }

  const source = (machine: string): object => ({
    customizations: { switchyard: { vm: { source: { vagrantfile: '../Vagrantfile', machine } } } },
  });

  it('names its machines where the one that is asked for is not among them', async () => {
    const { vm, project } = await made('wrong-name', two, source('wep'));
    await expect(vm.open(options)).rejects.toMatchObject({
      code: 'config.invalid',
      why: expect.stringContaining('no machine "wep". It has: "web", "db"') as string,
      remedies: [{ do: 'openFile', file: project.configFile }, { do: 'openFile' }],
    });
  });

  it('names its machines where it has several and none is asked for', async () => {
    const { vm } = await made('no-name', two);
    await expect(vm.open(options)).rejects.toMatchObject({
      code: 'config.invalid',
      why: expect.stringContaining('several machines: "web", "db"') as string,
      remedies: [{ do: 'addConfiguration' }, { do: 'openFile' }],
    });
  });

  it('says what it raises, and where', async () => {
    const { vm, file } = await made(
      'raises',
      `Vagrant.configure('2') do |config|\n  raise 'no such "thing"'\nend\n`,
    );
    await expect(vm.open(options)).rejects.toMatchObject({
      code: 'config.invalid',
      why: `${file} cannot be loaded; line 2: no such "thing".`,
      remedies: [{ do: 'openFile', file, line: 2 }, { do: 'showLog' }],
    });
  });

  it('says that its box cannot be had, and leaves nothing', async () => {
    const { vm } = await made('no-box', two, source('web'));
    await expect(vm.open(options)).rejects.toMatchObject({ code: 'image.unavailable' });
    expect((await vm.refresh(never)).state).toBe('absent');
  });

  it('is not run by looking at it', async () => {
    const { vm } = await made('only-looks', `File.write(File.join(__dir__, 'ran'), '')\n${two}`);
    const { state, problem } = await vm.refresh(never);
    expect([state, problem]).toEqual(['absent', undefined]);
    const { project } = vm;
    await expect(writeFile(path.join(project.folder, 'ran'), '', { flag: 'wx' })).resolves.toBeUndefined();
  });
});
