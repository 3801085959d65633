import { describe, expect, it } from 'vitest';
import { CommandFailed, type Command, type Runner } from '../../../src/base/process.ts';
import { readCompose } from '../../../src/engines/compose.ts';

const signal = new AbortController().signal;
const where = {
  cwd: "/home/me/it's here",
  files: ['/home/me/a.yml', '/home/me/b.yml'],
  env: { DOCKER_HOST: 'unix:///run/docker.sock' },
};

/** A computer with some of the programs; `docker` without its plugin says so. */
class Computer implements Runner {
  readonly ran: Command<unknown>[] = [];
  readonly #answers: Readonly<Record<string, string | { readonly stderr: string }>>;

  constructor(answers: Readonly<Record<string, string | { readonly stderr: string }>>) {
    this.#answers = answers;
  }

  run<T>(command: Command<T>): Promise<T> {
    this.ran.push(command);
    const called = [command.program, ...command.args].join(' ');
    const [, answer] = Object.entries(this.#answers).find(([start]) => called.startsWith(start)) ?? [];
    if (typeof answer === 'string') return Promise.resolve(command.parse(answer));
    const { program, args } = command;
    const ended = answer ? { exitCode: 1, stderr: answer.stderr } : {};
    return Promise.reject(
      new CommandFailed({ program, args, reason: answer ? 'exit' : 'notFound', ...ended }),
    );
  }
}

const unknown = { stderr: "docker: 'compose' is not a docker command.\n" };
const model =
  'services:\n  app:\n    environment:\n      N: \'1\'\n      "Y": a$$b\n    volumes:\n    - /w:/w:rw\n';
const read = { services: { app: { environment: { N: '1', Y: 'a$$b' }, volumes: ['/w:/w:rw'] } } };

describe('readCompose', () => {
  it('asks the plugin, with the files in their order', async () => {
    const computer = new Computer({ 'docker compose version': '2.29.7\n', 'docker compose': model });
    expect(await readCompose(computer, 'docker', where, signal)).toEqual(read);
    expect(computer.ran.at(-1)).toMatchObject({
      program: 'docker',
      args: ['compose', '-f', '/home/me/a.yml', '-f', '/home/me/b.yml', 'config'],
      cwd: where.cwd,
      env: where.env,
    });
  });

  it('asks the older program where there is no plugin', async () => {
    const computer = new Computer({ 'docker compose': unknown, 'docker-compose': model });
    expect(await readCompose(computer, 'docker', { ...where, files: [] }, signal)).toEqual(read);
    expect(computer.ran.at(-1)).toMatchObject({ program: 'docker-compose', args: ['config'] });
  });

  it('says which program is missing where there is neither', async () => {
    const computer = new Computer({ 'docker compose': unknown });
    await expect(readCompose(computer, 'docker', where, signal)).rejects.toMatchObject({
      code: 'docker.missing',
      what: 'Docker Compose was not found.',
    });
  });

  it('says what Compose says of files that it cannot read, and opens the first', async () => {
    const stderr = 'The Compose file is invalid because:\nUnsupported config option for services: nix\n';
    const computer = new Computer({ 'docker-compose version': '1.29.2', 'docker-compose': { stderr } });
    await expect(readCompose(computer, 'docker', where, signal)).rejects.toMatchObject({
      code: 'config.invalid',
      why: stderr.trim(),
      remedies: [{ do: 'openFile', file: '/home/me/a.yml' }, { do: 'retry' }, { do: 'showLog' }],
    });
  });

  it('says so where there are no services', async () => {
    const computer = new Computer({ 'docker compose version': '2', 'docker compose': 'name: empty\n' });
    await expect(readCompose(computer, 'docker', where, signal)).rejects.toMatchObject({
      code: 'config.invalid',
      why: 'They have no services.',
    });
  });
});
