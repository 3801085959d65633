import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a window of the tests needs, all of it in one temporary folder. */
export interface Workspace {
  readonly folder: string;
  readonly project: string;
  readonly userData: string;
  readonly extensions: string;
  /** For the sockets that VS Code makes and does not take away. */
  readonly temporary: string;
  /** File with one line for each window that measured its activation. */
  readonly activations: string;
  remove(): Promise<void>;
}

/** A copy of the sample project, and empty folders for the editor's data. */
export async function makeWorkspace(root: string): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), 'sy-host-'));
  const project = join(folder, 'sample');
  await cp(join(root, 'test', 'fixtures', 'sample'), project, { recursive: true });
  const userData = join(folder, 'user');
  const extensions = join(folder, 'extensions');
  const temporary = join(folder, 'tmp');
  for (const made of [userData, extensions, temporary]) await mkdir(made);
  return {
    folder,
    project,
    userData,
    extensions,
    temporary,
    activations: join(folder, 'activations'),
    // VS Code may still write its last lines while it ends.
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }),
  };
}
