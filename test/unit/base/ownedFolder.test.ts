import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeOwnedFolder, ownerFile, sweepOwnedFolders } from '../../../src/base/ownedFolder.ts';

let parent: string;
let prefix: string;
let children: ChildProcess[];

beforeEach(() => {
  parent = fs.mkdtempSync(path.join(tmpdir(), 'sy-owned-'));
  prefix = path.join(parent, 'mine-');
  children = [];
});

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  fs.rmSync(parent, { recursive: true, force: true });
});

const module = fileURLToPath(new URL('../../../src/base/ownedFolder.ts', import.meta.url));

/** Another process that made a folder, with a file in it, and runs on. */
async function elsewhere(): Promise<{ child: ChildProcess; folder: string }> {
  const script = `
    import { writeFileSync } from 'node:fs';
    import { makeOwnedFolder } from ${JSON.stringify(module)};
    const folder = makeOwnedFolder(${JSON.stringify(prefix)});
    writeFileSync(folder + '/content', 'content');
    console.log(folder);
    setInterval(() => undefined, 1_000_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, folder: said.toString().trim() };
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

describe('a folder that must not outlive its process', () => {
  it('goes once that was killed, and not before', async () => {
    const [dead, living] = [await elsewhere(), await elsewhere()];
    const own = makeOwnedFolder(prefix);
    await sweepOwnedFolders(prefix);
    expect(fs.readdirSync(parent)).toHaveLength(3);
    await kill(dead.child);
    await sweepOwnedFolders(prefix);
    expect(fs.readdirSync(parent).toSorted()).toEqual(
      [living.folder, own].map((one) => path.basename(one)).toSorted(),
    );
    expect(fs.readFileSync(path.join(living.folder, 'content'), 'utf8')).toBe('content');
  });

  it('is told from what is called alike and is nobody’s, or another person’s', async () => {
    const { child, folder } = await elsewhere();
    await kill(child);
    const tag = fs.readFileSync(path.join(folder, ownerFile), 'utf8');
    const made = (name: string, owner?: string): string => {
      const at = path.join(parent, name);
      fs.mkdirSync(at);
      if (owner !== undefined) fs.writeFileSync(path.join(at, ownerFile), owner);
      return name;
    };
    const stay = [made('mine-nobodys'), made('mine-unreadable', '{'), made('yours-1', tag)];
    fs.writeFileSync(`${prefix}file`, tag);
    // Whose content would go where it was followed.
    fs.symlinkSync(path.join(parent, 'yours-1'), `${prefix}link`);
    stay.push('mine-file', 'mine-link');
    // Only root can give something to somebody else.
    if (process.getuid?.() === 0) {
      fs.chownSync(path.join(parent, made('mine-anothers', tag)), 65_534, 65_534);
      stay.push('mine-anothers');
    }
    await sweepOwnedFolders(prefix);
    expect(fs.readdirSync(parent).toSorted()).toEqual(stay.toSorted());
    expect(fs.existsSync(path.join(parent, 'yours-1', ownerFile))).toBe(true);
  });
});
