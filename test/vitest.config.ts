import { defineConfig } from 'vitest/config';

const root = new URL('..', import.meta.url).pathname;

export default defineConfig({
  root,
  test: {
    // Silence means that nothing ran, which must not look like success.
    passWithNoTests: false,
    projects: [
      {
        root,
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 60_000 },
      },
      {
        root,
        test: {
          name: 'engines',
          include: ['test/engines/**/*.test.ts'],
          // Real engines on two cores: one file at a time, so that a figure means something.
          fileParallelism: false,
          maxConcurrency: 2,
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
      {
        root,
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        root,
        test: {
          // The model of the sync's faults against a real machine, which is suspended, cut off from its power and made anew.
          name: 'sync-faults-vm',
          include: ['test/syncFaults/*.test.ts'],
          fileParallelism: false,
          hookTimeout: 900_000,
        },
      },
      {
        root,
        test: {
          // A file of 5 GiB both ways over a real sshd: minutes, and twice as much room on the disk.
          name: 'sync-huge',
          include: ['test/syncHuge/*.test.ts'],
          fileParallelism: false,
          testTimeout: 1_200_000,
          hookTimeout: 60_000,
        },
      },
      {
        root,
        test: {
          name: 'doors',
          include: ['test/doors/*.test.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
      {
        root,
        test: {
          // The same table against a machine's own sshd, which is not ours: where it is emulated it takes minutes.
          name: 'doors-vm',
          include: ['test/doors/vm/*.test.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 900_000,
        },
      },
      {
        root,
        test: {
          // Boxes and machines of libvirt that are not made of an image: minutes where they are emulated.
          name: 'sources',
          include: ['test/sources/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      {
        root,
        test: {
          // Makes a machine twice, which takes minutes where it is emulated: not for every run.
          name: 'snapshot',
          include: ['test/snapshot/*.test.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      {
        root,
        test: {
          // What of a devcontainer.json takes several boots of a machine to be seen.
          name: 'spec-vm',
          include: ['test/spec/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      {
        root,
        test: {
          name: 'e2e',
          include: ['test/e2e/*.test.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        root,
        test: {
          // Copies half a gigabyte into each kind, which takes minutes: not for every run.
          name: 'editor',
          include: ['test/e2e/editor/*.test.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
