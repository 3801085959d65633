import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { CommandFailed, type Command, type RunOptions, type Runner } from '../../../src/base/process.ts';
import { DevcontainerCli } from '../../../src/engines/devcontainerCli.ts';
import {
  buildCommand,
  readConfigurationCommand,
  upCommand,
  type DevcontainerPrograms,
} from '../../../src/engines/devcontainerCommands.ts';

const programs: DevcontainerPrograms = {
  node: '/opt/editor/node',
  cli: '/opt/switchyard/devcontainer.js',
  docker: '/usr/bin/docker',
  env: { ELECTRON_RUN_AS_NODE: '1' },
};
const target = {
  folder: "/home/me/it's $HOME ü",
  configFile: "/home/me/it's $HOME ü/.devcontainer/go/devcontainer.json",
  env: { DOCKER_HOST: 'unix:///run/user/1000/docker.sock' },
};
const signal = new AbortController().signal;

/** A runner that plays back what the real CLI 0.89 printed for a project of ours. */
class Recorded implements Runner {
  readonly #name: string;
  constructor(name: string) {
    this.#name = name;
  }
  run<T>(command: Command<T>, options?: RunOptions): Promise<T> {
    const read = (stream: string): string =>
      readFileSync(
        new URL(`../../fixtures/devcontainerCli/${this.#name}.${stream}`, import.meta.url),
        'utf8',
      );
    const stdout = read('stdout');
    const stderr = read('stderr');
    for (const line of stderr.split('\n')) options?.onLine?.(line, 'stderr');
    if (stdout !== '' && !stdout.includes('"outcome":"error"')) return Promise.resolve(command.parse(stdout));
    return Promise.reject(
      new CommandFailed({
        program: command.program,
        args: command.args,
        reason: 'exit',
        exitCode: 1,
        stdout,
        stderr,
      }),
    );
  }
}

function play(name: string): { cli: DevcontainerCli; steps: string[]; lines: string[]; options: object } {
  const steps: string[] = [];
  const lines: string[] = [];
  const progress = { step: (title: string) => steps.push(title), line: (text: string) => lines.push(text) };
  return {
    cli: new DevcontainerCli(programs, new Recorded(name), silentLogger),
    steps,
    lines,
    options: { progress },
  };
}

describe('the commands', () => {
  it('name config, engine and editor, each as one argument however odd it is', () => {
    expect(upCommand(programs, target, { rebuild: true, skipHooks: true })).toMatchObject({
      program: '/opt/editor/node',
      args: [
        '/opt/switchyard/devcontainer.js',
        'up',
        '--workspace-folder',
        target.folder,
        '--config',
        target.configFile,
        '--docker-path',
        '/usr/bin/docker',
        '--log-format',
        'json',
        '--include-merged-configuration',
        '--remove-existing-container',
        '--skip-post-create',
      ],
      env: { ELECTRON_RUN_AS_NODE: '1', DOCKER_HOST: 'unix:///run/user/1000/docker.sock' },
    });
  });

  it('read the answer from the last line', () => {
    const command = readConfigurationCommand(programs, target, 'abc');
    expect(command.args.slice(-2)).toEqual(['--container-id', 'abc']);
    const answer = { configuration: {}, mergedConfiguration: {}, workspace: { workspaceFolder: '/w' } };
    expect(command.parse(`noise\n${JSON.stringify(answer)}\n`)).toEqual(answer);
    expect(() => command.parse('noise')).toThrow('no result');
  });

  it('take one image name or several', () => {
    const command = buildCommand(programs, target, { imageName: 'a:1' });
    expect(command.parse('{"outcome":"success","imageName":["a:1"]}')).toEqual(['a:1']);
    expect(command.parse('{"outcome":"success","imageName":"a:1"}')).toEqual(['a:1']);
  });
});

describe('a run that goes well', () => {
  it('answers the container and shows steps and lines', async () => {
    const { cli, steps, lines, options } = play('nohook');
    const outcome = await cli.up(target, { signal, ...options });
    expect(outcome).toMatchObject({
      ok: true,
      result: { remoteUser: 'root', remoteWorkspaceFolder: '/workspaces/nohook' },
    });
    expect(steps).toEqual([
      'Starting the container',
      'Running postCreateCommand',
      'Running postStartCommand',
      'Running postAttachCommand',
    ]);
    expect(lines).toEqual(expect.arrayContaining(['one', 'two', 'arr', 'attach']));
    expect(lines.join()).not.toContain('\u001b');
  });
});

describe('a failure', () => {
  async function failureOf(name: string): Promise<unknown> {
    const { cli, options } = play(name);
    const outcome = await cli.up(target, { signal, ...options }).catch((error: unknown) => error);
    return outcome;
  }

  it('of a step of the Dockerfile shows what that step printed', async () => {
    const error = await failureOf('badbuild');
    expect(error).toMatchObject({ code: 'image.buildFailed' });
    const { why } = error as { why: string };
    expect(why).toContain('Step 4/5 : RUN echo about to fail; ls /nonexistent; exit 3');
    expect(why).toContain("ls: cannot access '/nonexistent': No such file or directory");
    expect(why).toContain('returned a non-zero code: 3');
    expect(why).not.toContain('Step 3/5');
  });

  it('of a feature is one of the build', async () => {
    const error = await failureOf('badfeat');
    expect(error).toMatchObject({ code: 'image.buildFailed' });
    expect((error as { why: string }).why).toContain('Feature "F" (Unknown) failed to install!');
  });

  it.each([
    ['badimage', 'switchyard.invalid/nothing:1'],
    ['badbase', 'switchyard.invalid/nothing:2'],
  ])('to fetch the image of %s names the image and why', async (name, image) => {
    const error = await failureOf(name);
    expect(error).toMatchObject({ code: 'image.unavailable' });
    expect((error as { what: string }).what).toContain(image);
    expect((error as { why: string }).why).toContain('no such host');
  });

  it('of a hook keeps the container and names hook, command and output', async () => {
    const outcome = await failureOf('objhook');
    expect(outcome).toMatchObject({
      ok: false,
      containerId: '432aedfbbf590af5f79a2e1a455c7065c7c35f108ee7335d5a291f389925c727',
      problem: { code: 'hook.failed', what: 'b of onCreateCommand failed.' },
    });
    const { why } = (outcome as { problem: { why: string } }).problem;
    expect(why).toContain('echo out; echo err >&2; exit 9');
    expect(why).toContain('\nerr');
  });

  it('of the hook on the host leaves no container', async () => {
    expect(await failureOf('initfail')).toMatchObject({
      code: 'hook.failed',
      what: 'initializeCommand failed.',
    });
  });

  it('to find the service in the compose file names it', async () => {
    const file = target.configFile;
    expect(await failureOf('noservice')).toMatchObject({
      code: 'config.invalid',
      why: '"service" is "nix", and its compose files have no service of that name.',
      remedies: [{ do: 'openFile', file }, { do: 'retry' }],
    });
  });

  it('to read a compose file says what Compose said', async () => {
    const error = await failureOf('badcompose');
    expect(error).toMatchObject({ code: 'config.invalid' });
    expect((error as { why: string }).why).toMatch(
      /^Docker Compose says:\n.*flow sequence\n.*line 1, column 11\nexpected ',' or ']'.*\n.*line 2, column 1$/,
    );
  });

  it('for want of Compose names it', async () => {
    expect(await failureOf('nocompose')).toMatchObject({
      code: 'docker.missing',
      what: 'Docker Compose was not found.',
    });
  });

  it('of any other kind says what the CLI said', async () => {
    const error = await failureOf('missingdf');
    expect(error).toMatchObject({ code: 'docker.failed' });
    expect((error as { why: string }).why).toContain("ENOENT: no such file or directory, open '/home/me");
  });
});
