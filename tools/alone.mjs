// Compiles a native verifier alone, from a standard input that is fixed: the contract and what it imports, the table of its SRS, and these
// settings. Its code hash is its identity, and the optimizer orders functions by names that have numbers in them, which depend on what is
// compiled together.
//
//     node tools/alone.mjs NativeVerifier > input.json      the input, for block explorers and for other compilers
//
// FOUNDRY_SOLC names the compiler (solc 0.8.30); the default is tools/solc.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const TARGET = 'contracts/verifiers/NativeVerifier.sol';

/** The verifiers, all of one source: what `srs/` is in each. */
export const VERIFIERS = {
  NativeVerifier: 'contracts/libraries/native/srs/hez-final/',
  NativeTestVerifier: 'contracts/libraries/native/srs/test/',
};

/** The contract and what it imports, nothing else, by path. */
export function sources(name) {
  const found = {};
  const add = (path) => {
    if (found[path]) return;
    const content = readFileSync(join(root, path), 'utf8');
    found[path] = { content };
    for (const [, imported] of content.matchAll(/from "([^"]+)"/g)) {
      add(imported.startsWith('srs/') ? imported.replace('srs/', VERIFIERS[name]) : normalize(join(dirname(path), imported)));
    }
  };
  add(TARGET);
  return found;
}

export function standardInput(name, contracts = sources(name)) {
  return {
    language: 'Solidity',
    sources: contracts,
    settings: {
      remappings: [`srs/=${VERIFIERS[name]}`],
      viaIR: true,
      evmVersion: 'cancun',
      optimizer: { enabled: true, runs: 200 },
      metadata: { bytecodeHash: 'none', appendCBOR: false },
      outputSelection: { [TARGET]: { NativeVerifier: ['abi', 'evm.bytecode', 'evm.deployedBytecode'] } },
    },
  };
}

/** What the compiler makes of it: abi, bytecode, deployedBytecode, as forge's artifacts have them. */
export function compile(name, contracts) {
  const input = standardInput(name, contracts);
  return new Promise((resolve, reject) => {
    const solc = spawn(process.env.FOUNDRY_SOLC ?? join(root, 'tools/solc'), ['--standard-json'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let text = '';
    solc.stdout.on('data', (chunk) => (text += chunk));
    solc.on('error', reject);
    solc.on('close', () => {
      try {
        const output = JSON.parse(text);
        const error = (output.errors ?? []).find((e) => e.severity === 'error');
        if (error) throw new Error(error.formattedMessage);
        const { abi, evm } = output.contracts[TARGET].NativeVerifier;
        const code = ({ object, immutableReferences }) => ({ object: `0x${object}`, immutableReferences });
        resolve({ abi, bytecode: code(evm.bytecode), deployedBytecode: code(evm.deployedBytecode) });
      } catch (error) {
        reject(error);
      }
    });
    solc.stdin.end(JSON.stringify(input));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const name = process.argv[2];
  if (!Object.hasOwn(VERIFIERS, name ?? '')) {
    process.stderr.write(`usage: node tools/alone.mjs ${Object.keys(VERIFIERS).join('|')}\n`);
    process.exit(1);
  }
  process.stdout.write(`${JSON.stringify(standardInput(name), null, 2)}\n`);
}
