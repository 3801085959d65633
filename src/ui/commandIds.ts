/** Every command that package.json contributes; a test compares both lists. */
export const commandIds = [
  'switchyard.toggle',
  'switchyard.switch',
  'switchyard.openInContainer',
  'switchyard.openInVm',
  'switchyard.backToHost',
  'switchyard.start',
  'switchyard.stop',
  'switchyard.suspend',
  'switchyard.restart',
  'switchyard.rebuild',
  'switchyard.destroy',
  'switchyard.openTerminal',
  'switchyard.runCommand',
  'switchyard.syncNow',
  'switchyard.showProblem',
  'switchyard.chooseConfiguration',
  'switchyard.openConfiguration',
  'switchyard.addConfiguration',
  'switchyard.checkRequirements',
  'switchyard.refresh',
  'switchyard.showLog',
] as const;

export type CommandId = (typeof commandIds)[number];
