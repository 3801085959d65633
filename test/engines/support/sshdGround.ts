import * as fs from 'node:fs';
import * as path from 'node:path';
import { FolderPerson } from './person.ts';
import type { SshServer } from './sshServer.ts';
import type { Ground } from './syncModel.ts';
import type { TwoFolders } from './twoFolders.ts';

/** This very computer as the guest, behind a real sshd. */
export function sshdGround(server: SshServer, two: TwoFolders): Ground {
  fs.mkdirSync(two.guest, { recursive: true });
  return {
    folder: two.guest,
    person: new FolderPerson({
      ...{ root: two.guest, graveyard: path.join(two.place, 'graveyard-guest') },
      ...{ tree: () => two.tree('guest'), trash: () => two.trash('guest') },
    }),
    machineFaults: [],
    connect: () => server.connect({ XDG_STATE_HOME: two.guestState }),
    killAgent: () => {
      killAgent(two.guestState);
      return Promise.resolve();
    },
    strike: () => Promise.reject(new Error('This computer is not to be switched off.')),
    end: () => Promise.resolve(),
  };
}

function killAgent(state: string): void {
  const keys = path.join(state, 'switchyard', 'sync');
  for (const key of fs.existsSync(keys) ? fs.readdirSync(keys) : []) {
    const pid = Number(fs.readFileSync(path.join(keys, key, 'lock'), 'utf8'));
    if (pid > 1 && isOurs(pid, state)) process.kill(pid, 'SIGKILL');
  }
}

/** The number may be another program's by now: ours has this run's own folder in its environment. */
function isOurs(pid: number, state: string): boolean {
  try {
    return fs.readFileSync(`/proc/${pid}/environ`, 'utf8').includes(state);
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}
