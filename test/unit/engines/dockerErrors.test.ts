import { describe, expect, it } from 'vitest';
import { SwitchyardError } from '../../../src/base/errors.ts';
import type { DockerEndpoint } from '../../../src/engines/dockerEndpoint.ts';
import { explainDockerError } from '../../../src/engines/dockerErrors.ts';

const endpoint: DockerEndpoint = {
  host: 'unix:///var/run/docker.sock',
  source: { from: 'socket' },
  tlsFolder: undefined,
};

function explain(error: unknown, hasProgram = true, platform: NodeJS.Platform = 'linux'): SwitchyardError {
  const explained = explainDockerError(error, 'No list.', endpoint, { platform, hasProgram });
  if (explained instanceof SwitchyardError) return explained;
  throw new Error('It was not explained.');
}

function systemError(code: string): Error {
  return Object.assign(new Error(`connect ${code}`), { code, syscall: 'connect' });
}

describe('explainDockerError', () => {
  it('tells not installed from not running', () => {
    expect(explain(systemError('ENOENT'), false)).toMatchObject({ code: 'docker.missing' });
    expect(explain(systemError('ENOENT'), false).next).toContain('sudo apt install docker.io');
    expect(explain(systemError('ENOENT'))).toMatchObject({ code: 'docker.notRunning' });
    expect(explain(systemError('ECONNREFUSED')).next).toContain('sudo systemctl start docker');
    expect(explain(systemError('ECONNREFUSED'), true, 'darwin').next).toContain('Start Docker Desktop');
  });

  it('says how to be allowed to', () => {
    expect(explain(systemError('EACCES'))).toMatchObject({ code: 'docker.permission' });
    expect(explain(systemError('EACCES')).next).toContain('usermod -aG docker');
  });

  it("gives the engine's own words", () => {
    const error = Object.assign(new Error('(HTTP code 409) conflict - x'), {
      statusCode: 409,
      json: { message: 'container is paused' },
    });
    expect(explain(error)).toMatchObject({
      code: 'docker.failed',
      what: 'No list.',
      why: 'container is paused',
    });
  });

  it('names an engine that does not answer in time', () => {
    expect(explain(new DOMException('late', 'TimeoutError'))).toMatchObject({ code: 'timeout' });
  });

  it('leaves a cancellation what it is', () => {
    const cancelled = new DOMException('stop', 'AbortError');
    expect(explainDockerError(cancelled, 'x', endpoint, { platform: 'linux', hasProgram: true })).toBe(
      cancelled,
    );
  });
});
