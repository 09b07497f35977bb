// Compiles a verifier alone, from a standard input that is fixed: the contract and what it imports, the table of its SRS, and these
// settings. Its code hash is its identity, and the optimizer orders functions by names that have numbers in them, which depend on what is
// compiled together.
//
//     node tools/alone.mjs NativeVerifier > input.json      the input, for block explorers and for other compilers
//     node tools/alone.mjs --parts                          writes the code hashes of parts where the contracts read them
//
// FOUNDRY_SOLC names the compiler (solc 0.8.30); the default is tools/solc.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const { keccak256 } = createRequire(import.meta.url)('js-sha3');

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const HEZ_FINAL = 'contracts/libraries/native/srs/hez-final/';
const TEST = 'contracts/libraries/native/srs/test/';

/** The verifiers of perceptrons, all of one source: what `srs/` is in each. */
export const VERIFIERS = { NativeVerifier: HEZ_FINAL, NativeTestVerifier: TEST };

/** The verifiers of general networks, the same. */
export const NETWORK_VERIFIERS = { NetworkVerifier: HEZ_FINAL, NetworkTestVerifier: TEST };

/** The part that they make when they are made, which knows no SRS. */
export const PART = 'NetworkSumcheck';

const TABLES = { ...VERIFIERS, ...NETWORK_VERIFIERS, [PART]: TEST };

/** The name of the contract in its source, which is named like it. */
const contractOf = (name) => name.replace('TestVerifier', 'Verifier');
const targetOf = (name) => `contracts/verifiers/${contractOf(name)}.sol`;

/** Where the code hash of the part is. */
const HASHES = 'contracts/verifiers/NetworkParts.sol';

/** The contract and what it imports, nothing else, by path. */
export function sources(name) {
  const found = {};
  const add = (path) => {
    if (found[path]) return;
    const content = readFileSync(join(root, path), 'utf8');
    found[path] = { content };
    for (const [, imported] of content.matchAll(/from "([^"]+)"/g)) {
      add(imported.startsWith('srs/') ? imported.replace('srs/', TABLES[name]) : normalize(join(dirname(path), imported)));
    }
  };
  add(targetOf(name));
  return found;
}

export function standardInput(name, contracts = sources(name)) {
  return {
    language: 'Solidity',
    sources: contracts,
    settings: {
      remappings: [`srs/=${TABLES[name]}`],
      viaIR: true,
      evmVersion: 'cancun',
      optimizer: { enabled: true, runs: 200 },
      metadata: { bytecodeHash: 'none', appendCBOR: false },
      outputSelection: { [targetOf(name)]: { [contractOf(name)]: ['abi', 'evm.bytecode', 'evm.deployedBytecode'] } },
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
        const { abi, evm } = output.contracts[targetOf(name)][contractOf(name)];
        const code = ({ object, immutableReferences }) => ({ object: `0x${object}`, immutableReferences });
        resolve({ abi, bytecode: code(evm.bytecode), deployedBytecode: code(evm.deployedBytecode) });
      } catch (error) {
        reject(error);
      }
    });
    solc.stdin.end(JSON.stringify(input));
  });
}

/** The part, and all verifiers of general networks: creation code that ends with that of the part, which is their argument. */
export async function compileNetworks() {
  const part = await compile(PART);
  const verifiers = Object.keys(NETWORK_VERIFIERS).map(async (name) => {
    const output = await compile(name);
    const { bytecode } = output;
    return [name, { ...output, bytecode: { ...bytecode, object: bytecode.object + encoded(part.bytecode.object.slice(2)) } }];
  });
  return [[PART, part], ...(await Promise.all(verifiers))];
}

/** One argument of type `bytes`, in hexadecimal. */
function encoded(hex) {
  const word = (value) => value.toString(16).padStart(64, '0');
  return word(32) + word(hex.length / 2) + hex.padEnd(Math.ceil(hex.length / 64) * 64, '0');
}

/** The code hash of the part that the verifiers name, and the place of it in their source. */
export function partHash() {
  const text = readFileSync(join(root, HASHES), 'utf8');
  return { text, hash: text.match(/0x[0-9a-f]{64}/)[0] };
}

export function codeHash({ deployedBytecode }) {
  return `0x${keccak256(Buffer.from(deployedBytecode.object.slice(2), 'hex'))}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const name = process.argv[2];
  if (name === '--parts') {
    const { text, hash } = partHash();
    writeFileSync(join(root, HASHES), text.replace(hash, codeHash(await compile(PART))));
  } else if (Object.hasOwn(TABLES, name ?? '')) {
    process.stdout.write(`${JSON.stringify(standardInput(name), null, 2)}\n`);
  } else {
    process.stderr.write(`usage: node tools/alone.mjs ${Object.keys(TABLES).join('|')}|--parts\n`);
    process.exit(1);
  }
}
