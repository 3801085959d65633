import { parse, type ParseError } from 'jsonc-parser';
import { describe, expect, it } from 'vitest';
import { proposeConfig } from '../../../src/config/propose.ts';
import { parseSwitchyardConfig } from '../../../src/config/read.ts';

function propose(files: Record<string, string | undefined>): Record<string, unknown> {
  const text = proposeConfig('my "api"', new Map(Object.entries(files)));
  const errors: ParseError[] = [];
  const config = parse(text, errors) as Record<string, unknown>;
  expect(errors).toEqual([]);
  expect(parseSwitchyardConfig(text, '/p/.devcontainer/devcontainer.json').name).toBe('my "api"');
  return config;
}

describe('proposeConfig', () => {
  it("takes the project's own Dockerfile first", () => {
    expect(propose({ Dockerfile: undefined, 'package.json': undefined })).toMatchObject({
      build: { dockerfile: '../Dockerfile', context: '..' },
    });
  });

  it('takes the first service of a compose file', () => {
    const compose =
      'version: "3"\nservices:\n\n  # the api\n  api-server:\n    build: .\n  db:\n    image: x\n';
    expect(propose({ 'docker-compose.yml': compose })).toMatchObject({
      dockerComposeFile: '../docker-compose.yml',
      service: 'api-server',
    });
  });

  it.each([
    ['package-lock.json', 'npm ci'],
    ['yarn.lock', 'yarn install --frozen-lockfile'],
    ['README.md', 'npm install'],
  ])('installs with %s as the project does', (lock, postCreateCommand) => {
    expect(propose({ 'package.json': undefined, [lock]: undefined })).toMatchObject({ postCreateCommand });
  });

  it.each([
    ['requirements.txt', 'python:3.13-bookworm'],
    ['go.mod', 'golang:1-bookworm'],
    ['Cargo.toml', 'rust:1-bookworm'],
    ['notes.md', 'debian:bookworm'],
  ])('knows an image for %s', (file, image) => {
    expect(propose({ [file]: undefined })).toMatchObject({ image });
  });

  it("names the project's own Vagrantfile as the source of its VM", () => {
    expect(propose({ Vagrantfile: undefined })).toMatchObject({
      customizations: { switchyard: { vm: { source: { vagrantfile: '../Vagrantfile' } } } },
    });
  });
});
