import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstFileOf } from '../../../../src/environments/container/files.ts';
import { idsOf } from '../../../../src/environments/container/workspaceAccess.ts';

const passwd = 'root:x:0:0:root:/root:/bin/bash\ndev:x:1000:1001:Ünï:/home/dev:/bin/bash\nshort:x\n';

describe('firstFileOf', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'switchyard-tar-'));
    writeFileSync(path.join(folder, 'passwd'), passwd);
    symlinkSync('passwd', path.join(folder, 'link'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const tar = (...args: readonly string[]): Buffer => execFileSync('tar', ['-C', folder, '-c', ...args]);

  it.each(['ustar', 'gnu', 'v7'])('reads a file out of an archive in the format %s', (format) => {
    expect(firstFileOf(tar(`--format=${format}`, 'passwd'))).toBe(passwd);
  });

  it('takes neither a link nor nothing for a file', () => {
    expect(firstFileOf(tar('link'))).toBeUndefined();
    expect(firstFileOf(Buffer.alloc(0))).toBeUndefined();
  });
});

describe('idsOf', () => {
  it('finds a user by its whole name', () => {
    expect(idsOf(passwd, 'dev')).toEqual({ uid: '1000', gid: '1001' });
    expect(idsOf(passwd, 'de')).toBeUndefined();
    expect(idsOf(passwd, '1000')).toBeUndefined();
    expect(idsOf(passwd, 'short')).toBeUndefined();
  });
});
