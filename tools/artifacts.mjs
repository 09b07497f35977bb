// The committed artifacts of the production contracts: contracts/artifacts/NAME.json, made from what forge built, and for verifiers,
// whose code hashes must not depend on what else is built, from what the compiler makes of them alone (tools/alone.mjs).
//
//     forge build && node tools/artifacts.mjs            writes them
//     forge build && node tools/artifacts.mjs --check    exits 1 if a committed one differs from the build
//
// They let the Rust side embed ABIs and bytecode without running forge.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PART, VERIFIERS, codeHash, compile, compileNetworks, partHash } from './alone.mjs';

const BUILT_BY_FORGE = ['ClaimRegistry', 'EzklAdapter', 'ModelRegistry', 'ProofRegistry'];

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

function fail(message) {
  process.stderr.write(`artifacts: ${message}\n`);
  process.exit(1);
}

function builtByForge(contractName) {
  const file = join(root, 'out', `${contractName}.sol`, `${contractName}.json`);
  if (!existsSync(file)) fail(`${contractName} is not built: run \`forge build\` first`);
  return JSON.parse(readFileSync(file, 'utf8'));
}

function artifact(contractName, { abi, bytecode, deployedBytecode }) {
  if (bytecode.object.includes('__$')) fail(`${contractName} needs linking`);
  // With immutables the code on a chain is not the code here, and has no hash yet.
  const hasImmutables = Object.keys(deployedBytecode.immutableReferences ?? {}).length > 0;
  return {
    contractName,
    abi,
    bytecode: bytecode.object,
    deployedBytecode: deployedBytecode.object,
    deployedCodeHash: hasImmutables ? null : codeHash({ deployedBytecode }),
  };
}

const args = process.argv.slice(2);
const check = args.length === 1 && args[0] === '--check';
if (args.length > 0 && !check) fail('usage: node tools/artifacts.mjs [--check]');

const stale = [];
mkdirSync(join(root, 'contracts', 'artifacts'), { recursive: true });
const alone = Object.keys(VERIFIERS).map(async (name) => [name, await compile(name)]);
const built = await Promise.all(alone).catch((error) => fail(error.message));
const networks = await compileNetworks().catch((error) => fail(error.message));
if (codeHash(networks[0][1]) !== partHash().hash) {
  fail(`the verifiers name another code of ${PART}: run \`node tools/alone.mjs --parts\``);
}
for (const [name, output] of [...BUILT_BY_FORGE.map((name) => [name, builtByForge(name)]), ...built, ...networks]) {
  const file = join(root, 'contracts', 'artifacts', `${name}.json`);
  const text = JSON.stringify(artifact(name, output), null, 2) + '\n';
  if (!check) writeFileSync(file, text);
  else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) stale.push(name);
}
if (stale.length > 0) fail(`${stale.join(', ')} differ from the build: run \`node tools/artifacts.mjs\` and commit the result`);
