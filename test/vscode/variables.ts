/** How the runners tell the extension host's side which files to write. */
export const variables = {
  /** Mocha's `json` report. */
  report: 'SWITCHYARD_TEST_REPORT',
  /** A line for each window's activation (activations.ts). */
  activations: 'SWITCHYARD_TEST_ACTIVATIONS',
} as const;
