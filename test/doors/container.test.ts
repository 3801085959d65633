import { rm } from 'node:fs/promises';
import { afterAll, beforeAll } from 'vitest';
import { buildProxy, containerDoor } from './support/door.ts';
import { doorTable } from './table.ts';

let proxy: string;
beforeAll(async () => {
  proxy = await buildProxy();
});
afterAll(async () => {
  await rm(proxy, { recursive: true, force: true });
});

doorTable('container', () => containerDoor(proxy));
