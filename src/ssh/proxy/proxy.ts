import module from 'node:module';

// Compiling what follows is a third of a connection's time, so it is done once and kept.
// Since Node.js 22.
if ('enableCompileCache' in module) module.enableCompileCache();
// Not an import: the bundle has it in a file of its own, which is compiled after the line above.
module.createRequire(__filename)('./serve.cjs');
