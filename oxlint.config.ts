import { defineConfig } from 'oxlint';

import { importRules } from './tools/lint/import-rules.ts';

const TESTS = ['**/*.test.ts', 'test/**/*.ts', 'bench/**/*.ts', 'chaos/**/*.ts'];

const config = defineConfig({
  plugins: ['eslint', 'typescript', 'unicorn', 'oxc', 'import', 'node', 'promise', 'vitest'],
  categories: { correctness: 'error' },
  options: { typeAware: true, reportUnusedDisableDirectives: 'error', denyWarnings: true },
  ignorePatterns: ['build/**', '**/testdata/**'],
  rules: {
    // Size and shape of functions.
    complexity: ['error', { max: 15 }],
    'max-depth': ['error', 3],
    'max-params': ['error', 4],
    // Types.
    'typescript/no-explicit-any': 'error',
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'typescript/only-throw-error': 'error',
    'typescript/no-namespace': 'error',
    'typescript/parameter-properties': 'error',
    'typescript/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
    'typescript/no-unsafe-function-type': 'error',
    'oxc/no-const-enum': 'error',
    // Modules.
    'import/no-cycle': 'error',
    'import/no-default-export': 'error',
    'import/no-self-import': 'error',
    'unicorn/prefer-node-protocol': 'error',
    'node/no-process-env': 'error',
    // Right in general, wrong about what is done here on purpose: promises that may be absent, functions that are
    // handed on from object literals, code points of a string, and patterns for control characters.
    'typescript/await-thenable': 'off',
    'typescript/unbound-method': 'off',
    'typescript/no-misused-spread': 'off',
    'no-control-regex': 'off',
    // Plain good sense.
    eqeqeq: 'error',
    'no-var': 'error',
    'prefer-const': 'error',
    'no-console': 'error',
    'no-eval': 'error',
    'no-new-func': 'error',
    'no-param-reassign': 'error',
    'no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    'vitest/expect-expect': [
      'error',
      { assertFunctionNames: ['expect', 'fc.assert', 'assert*', '*.until', '*.event', '*.applied'] },
    ],
    'vitest/valid-expect': ['error', { maxArgs: 2 }],
    'vitest/valid-title': ['error', { ignoreTypeOfDescribeName: true }],
    'vitest/no-focused-tests': 'error',
    'vitest/no-disabled-tests': 'error',
    'vitest/no-restricted-vi-methods': [
      'error',
      { mock: 'use a real server or a fake of the port', doMock: 'use a fake of the port' },
    ],
  },
  overrides: [
    ...importRules(),
    { files: ['*.config.ts'], rules: { 'import/no-default-export': 'off' } },
    { files: ['**/main.ts', 'tools/**', ...TESTS], rules: { 'node/no-process-env': 'off' } },
    { files: ['tools/**', 'bench/**', '**/main.ts', '**/*-process.ts'], rules: { 'no-console': 'off' } },
  ],
});
export default config;
