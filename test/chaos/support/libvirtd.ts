import { readFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { bringLibvirt } from '../../machine/daemons.ts';

/** Kills this computer's libvirtd, by its id. The machines run on; nothing starts it again by itself. */
export async function killLibvirtd(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  const pid = Number(await readFile('/run/libvirtd.pid', 'utf8'));
  expect(await readFile(`/proc/${pid}/comm`, 'utf8')).toBe('libvirtd\n');
  process.kill(pid, signal);
  const isThere = (): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  await expect.poll(isThere, { timeout: 30_000, interval: 20 }).toBe(false);
}

export async function startLibvirtd(): Promise<void> {
  await bringLibvirt(() => undefined);
}
