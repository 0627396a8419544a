import { readdirSync } from 'node:fs';
import js from '@eslint/js';
import nx from '@nx/eslint-plugin';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** Who may import whom. A layer that is not listed here may import nothing of ours. */
const directions = {
  kernel: [],
  capability: [],
  gateway: ['kernel', 'capability'],
  storage: ['kernel'],
  sdk: ['kernel', 'capability'],
  mailbox: ['kernel'],
  node: ['kernel', 'capability', 'gateway', 'mailbox', 'storage'],
  ronctl: ['sdk', 'capability'],
  harness: ['kernel', 'capability', 'gateway', 'node', 'sdk'],
  example: ['kernel', 'capability', 'sdk', 'node'],
  testing: ['kernel', 'capability', 'gateway', 'mailbox', 'storage', 'sdk', 'node', 'harness'],
  // Judges the others, so it shares no code with them.
  conformance: [],
  checks: [],
};

/** What tests may import beyond their own package's directions. */
const testDirections = {
  ...directions,
  node: [...directions.node, 'sdk'],
  storage: [...directions.storage, 'sdk'],
  example: [...directions.example, 'harness'],
  ronctl: [...directions.ronctl, 'harness'],
  conformance: ['harness', 'sdk'],
};

const projects = ['packages', 'tools', 'examples', 'testing'].flatMap((group) =>
  readdirSync(new URL(group, import.meta.url)).map((name) => `${group}/${name}`),
);

const boundaries = (allowed) => [
  'error',
  {
    enforceBuildableLibDependency: false,
    allow: [],
    depConstraints: Object.entries(allowed).map(([layer, below]) => ({
      sourceTag: `layer:${layer}`,
      onlyDependOnLibsWithTags: [layer, ...below].map((name) => `layer:${name}`),
    })),
  },
];

export default tseslint.config(
  { ignores: ['**/dist/**', '**/.tap/**', '**/.nx/**', '**/.cache/**', '**/coverage/**'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
    },
  },
  {
    files: ['**/*.{ts,js}'],
    plugins: { '@nx': nx, 'import-x': importX },
    languageOptions: {
      globals: {
        Buffer: 'readonly',
        URL: 'readonly',
        performance: 'readonly',
        process: 'readonly',
      },
    },
    settings: {
      'import-x/resolver-next': [
        createNodeResolver({
          conditionNames: ['@omnigate/source', 'node', 'import', 'default'],
          extensions: ['.ts', '.js', '.json', '.node'],
        }),
      ],
    },
    rules: {
      eqeqeq: 'error',
      'import-x/no-default-export': 'error',
      'import-x/no-relative-packages': 'error',
      'import-x/no-extraneous-dependencies': [
        'error',
        { devDependencies: false, includeTypes: true },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'ExportAllDeclaration',
          message: 'Name every export: the public surface of a module is an explicit list.',
        },
      ],
      '@nx/enforce-module-boundaries': boundaries(directions),
    },
  },
  ...projects.map((project) => ({
    // A test may import what its own package lists, and the tools the root lists for everybody.
    files: [`${project}/test/**/*.{ts,js}`],
    rules: {
      'import-x/no-extraneous-dependencies': [
        'error',
        {
          includeTypes: true,
          packageDir: [import.meta.dirname, `${import.meta.dirname}/${project}`],
        },
      ],
      '@nx/enforce-module-boundaries': boundaries(testDirections),
    },
  })),
  {
    // The client library must not pull a node into an application.
    files: ['packages/sdk/src/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { name: '@omnigate/kernel', message: "Import '@omnigate/kernel/wire'." },
      ],
    },
  },
  {
    // Scripts of a page run in a browser.
    files: ['examples/*/page/**/*.js'],
    languageOptions: {
      globals: {
        PerformanceObserver: 'readonly',
        document: 'readonly',
        fetch: 'readonly',
        location: 'readonly',
        setTimeout: 'readonly',
      },
    },
  },
  {
    // ESLint and tap load these by their default export.
    files: ['*.config.js', 'tools/test-run/reporter.js'],
    rules: { 'import-x/no-default-export': 'off' },
  },
  {
    // The root package has development dependencies only.
    files: ['*.config.js'],
    rules: { 'import-x/no-extraneous-dependencies': ['error', { devDependencies: true }] },
  },
);
