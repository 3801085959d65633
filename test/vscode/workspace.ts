import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { installStandIns } from './standIns.ts';

/** What a window of the tests needs, all of it in one temporary folder. */
export interface Workspace {
  readonly folder: string;
  readonly project: string;
  readonly userData: string;
  readonly extensions: string;
  /**
   * A home folder for the editor, so that no test writes into the SSH configuration of whoever runs it; Docker is
   * still found where they said.
   */
  readonly env: { readonly HOME: string; readonly DOCKER_CONFIG: string };
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
  const home = join(folder, 'home');
  const temporary = join(folder, 'tmp');
  for (const made of [userData, extensions, home, temporary]) await mkdir(made);
  await installStandIns(extensions);
  return {
    folder,
    project,
    userData,
    extensions,
    env: { HOME: home, DOCKER_CONFIG: process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker') },
    temporary,
    activations: join(folder, 'activations'),
    // VS Code may still write its last lines while it ends.
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }),
  };
}
