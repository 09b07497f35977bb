// Deploys with script/ to an anvil, twice, and runs the tests of live deployments against it; then `zkinfer doctor`.
//
//     node tools/live_test.mjs
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const forge = join(root, 'node_modules/.bin/forge');
// The first account of anvil's public mnemonic.
const DEV_KEY = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
// What script/Deploy.s.sol writes for anvil's chain.
const file = join(root, 'deployments', '31337.json');
const env = { ...process.env, FOUNDRY_SOLC: process.env.FOUNDRY_SOLC ?? join(root, 'tools', 'solc') };

// The program itself and not npm's shim, which leaves its child behind when it is killed.
function anvilProgram() {
  const resolver = createRequire(join(root, 'package.json'));
  const folder = dirname(resolver.resolve(`@foundry-rs/anvil-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}/package.json`));
  return join(folder, 'bin', 'anvil');
}

// Its output goes to a file: what follows runs programs synchronously, so nobody would read a pipe, and a full pipe stops anvil.
async function startAnvil() {
  const folder = mkdtempSync(join(tmpdir(), 'zkinfer-live-'));
  const log = join(folder, 'anvil.log');
  const output = openSync(log, 'w');
  const anvil = spawn(anvilProgram(), ['--port', '0'], { stdio: ['ignore', output, 'inherit'] });
  closeSync(output);
  for (;;) {
    const said = readFileSync(log, 'utf8');
    const listening = /Listening on (\S+)/.exec(said);
    if (listening) return { anvil, folder, url: `http://${listening[1]}` };
    if (anvil.exitCode !== null || anvil.pid === undefined) throw new Error(`anvil ended:\n${said}`);
    await setTimeout(50);
  }
}

function run(args, extra = {}) {
  const result = spawnSync(forge, args, { cwd: root, env: { ...env, ...extra }, encoding: 'utf8' });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`forge ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

function address(name, output) {
  const found = new RegExp(`${name}\\s+(0x[0-9a-fA-F]{40})`).exec(output);
  if (!found) throw new Error(`the script does not say where ${name} is:\n${output}`);
  return found[1];
}

const { anvil, folder, url } = await startAnvil();
try {
  const broadcast = ['--rpc-url', url, '--broadcast', '--private-key', DEV_KEY];
  const proofs = address('ProofRegistry', run(['script', 'script/Deploy.s.sol', ...broadcast]));
  // The addresses follow from the code: there is nothing left to do.
  if (address('ProofRegistry', run(['script', 'script/Deploy.s.sol', ...broadcast])) !== proofs) throw new Error('deployed twice');
  const terms = '(100000000000000000,10000000000000000,86400,14400,16)';
  const signature = 'run(address,(uint256,uint256,uint40,uint40,uint16))';
  const claims = address(
    'ClaimRegistry',
    run(['script', 'script/DeployClaims.s.sol', '--sig', signature, proofs, terms, ...broadcast]),
  );
  process.stdout.write(run(['test', '--fork-url', url], { FOUNDRY_PROFILE: 'live', ZKINFER_CLAIM_REGISTRY: claims }));
  const doctor = spawnSync(join(root, 'target/debug/zkinfer'), ['doctor', '--rpc', url, '--deployment', file], { encoding: 'utf8' });
  if (!/^ *contracts +ok /m.test(doctor.stdout ?? '')) throw new Error(`zkinfer doctor\n${doctor.stdout}${doctor.stderr}`);
} finally {
  anvil.kill();
  rmSync(file, { force: true });
  rmSync(folder, { recursive: true, force: true });
}
