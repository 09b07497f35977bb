// Runs slither over the contracts, but for the native verifiers, which need another pipeline of the compiler:
//
//     node tools/slither.mjs [slither's own options]
//
// slither compiles with tools/solc, from one standard-JSON input: its own way through forge wants a native compiler. Needs `slither` on PATH
// (`pip install slither-analyzer`, in an environment of its own). What it finds is answered in docs/contracts-review.md.
import { mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const LEFT_OUT = ['contracts/generated/', 'contracts/artifacts/', 'contracts/libraries/native/', 'contracts/verifiers/Native'];

function sources(directory) {
  const entries = readdirSync(join(root, directory), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const path = `${directory}/${entry.name}`;
    if (LEFT_OUT.some((prefix) => `${path}/`.startsWith(prefix))) return [];
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith('.sol') ? [path] : [];
  });
}

const paths = sources('contracts');
const input = {
  language: 'Solidity',
  sources: Object.fromEntries(paths.map((path) => [path, { content: readFileSync(join(root, path), 'utf8') }])),
  settings: {
    optimizer: { enabled: true, runs: 200 },
    evmVersion: 'cancun',
    metadata: { bytecodeHash: 'none', appendCBOR: false },
    outputSelection: { '*': { '*': ['abi', 'metadata', 'devdoc', 'userdoc', 'evm.bytecode', 'evm.deployedBytecode'], '': ['ast'] } },
  },
};
const directory = mkdtempSync(join(tmpdir(), 'slither-'));
try {
  symlinkSync(join(root, 'contracts'), join(directory, 'contracts'));
  writeFileSync(join(directory, 'input.json'), JSON.stringify(input));
  const options = ['input.json', '--compile-force-framework', 'solc-json', '--solc', join(root, 'tools', 'solc')];
  const run = spawnSync('slither', [...options, ...process.argv.slice(2)], { cwd: directory, stdio: 'inherit' });
  if (run.error) {
    process.stderr.write(`slither: ${run.error.message}; pip install slither-analyzer\n`);
    process.exitCode = 3;
  } else {
    process.exitCode = run.status ?? 4;
  }
} finally {
  rmSync(directory, { recursive: true });
}
