// Whether somebody else's Foundry project can build on the packed contracts: packs contracts/, puts the pack into a copy of tests/package outside of
// the tree, as `npm install` would, and runs `forge test` there.
//
//     node tools/package_test.mjs
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const project = mkdtempSync(join(tmpdir(), 'zkinfer-package-'));

function run(command, args, options) {
  const result = spawnSync(command, args, { encoding: 'utf8', ...options });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}\n${result.stdout ?? ''}${result.stderr ?? ''}`);
  return result.stdout;
}

function listed(directory, base = directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? listed(path, base) : [path.slice(base.length + 1)];
  });
}

try {
  const [{ filename }] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', project], { cwd: join(root, 'contracts') }));
  cpSync(join(root, 'tests', 'package'), project, { recursive: true });
  cpSync(join(root, 'tests', 'fixtures', 'native-registry.json'), join(project, 'native-registry.json'));
  const installed = join(project, 'node_modules', '@zkinfer', 'contracts');
  mkdirSync(installed, { recursive: true });
  run('tar', ['-xzf', join(project, filename), '-C', installed, '--strip-components=1']);
  // forge-std is the project's own business.
  mkdirSync(join(project, 'lib'));
  symlinkSync(join(root, 'node_modules/@layerzerolabs/toolbox-foundry/lib/forge-std'), join(project, 'lib', 'forge-std'));

  const files = listed(installed);
  for (const wanted of ['package.json', 'LICENSE-MIT', 'LICENSE-APACHE', 'remappings.txt', 'ClaimRegistry.sol', 'artifacts/NativeVerifier.json']) {
    if (!files.includes(wanted)) throw new Error(`the package has no ${wanted}`);
  }
  const odd = files.filter((file) => !/\.sol$|^artifacts\/\w+\.json$|^(package\.json|README\.md|remappings\.txt|LICENSE-\w+)$/.test(file));
  if (odd.length > 0 || files.some((file) => file.startsWith('generated'))) throw new Error(`the package has what it should not have: ${odd}`);

  const env = { ...process.env, FOUNDRY_SOLC: process.env.FOUNDRY_SOLC ?? join(root, 'tools', 'solc') };
  process.stdout.write(run(join(root, 'node_modules/.bin/forge'), ['test', '--root', project], { cwd: project, env }));
  process.stdout.write(`the package has ${files.length} files\n`);
} finally {
  rmSync(project, { recursive: true, force: true });
}
