import js from '@eslint/js';
import { importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/**
 * The rooms of src in the order in which they may know each other: a room imports only rooms that
 * stand before it. Only the last two know VS Code.
 */
const rooms = [
  'base',
  'config',
  'engines',
  'metrics',
  'connections',
  'sync',
  'environments',
  'ssh',
  'ports',
  'browserEditor',
  'credentials',
  'ui',
];

/** One zone a room: what it must not import. */
const zones = rooms.map((room, index) => ({
  target: `./src/${room}`,
  from: [...rooms.slice(index + 1).map((later) => `./src/${later}`), './src/extension.ts', './test'],
  message: `src/${room} may import only: ${rooms.slice(0, index + 1).join(', ')}.`,
}));

/** A kind knows nothing of the other kind, and nobody but the composition root knows a kind. */
const kindZones = [
  { target: './src/environments/container', from: './src/environments/vm' },
  { target: './src/environments/vm', from: './src/environments/container' },
  {
    target: './src/environments/!(container|vm)',
    from: ['./src/environments/container', './src/environments/vm'],
  },
  { target: './src/ui', from: ['./src/environments/container', './src/environments/vm'] },
].map((zone) => ({
  ...zone,
  message: 'A kind is known only by the composition root: ask for a capability.',
}));

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'test/.output/', 'test/fixtures/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Numbers in messages are fine; objects are not.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      // `() => this.x.dispose()` in an event handler is idiomatic.
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['src/**/*.ts'],
    plugins: { 'import-x': importX },
    rules: {
      'import-x/no-restricted-paths': [
        'error',
        { basePath: import.meta.dirname, zones: [...zones, ...kindZones] },
      ],
      'import-x/no-cycle': 'error',
      'no-console': 'error',
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/ui/**', 'src/extension.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: [{ name: 'vscode', message: 'Only src/ui and src/extension.ts speak to VS Code.' }] },
      ],
    },
  },
  {
    files: ['**/*.mjs', '**/*.js', '**/*.cjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        fetch: 'readonly',
        AbortSignal: 'readonly',
        AbortController: 'readonly',
        Buffer: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        performance: 'readonly',
      },
    },
  },
);
