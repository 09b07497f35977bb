// Deploys with script/ to an anvil, and runs the tests of live deployments against it.
//
//     node tools/live_test.mjs
import { spawn, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const forge = join(root, 'node_modules/.bin/forge');
// The first account of anvil's public mnemonic.
const DEV_KEY = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
const env = { ...process.env, FOUNDRY_SOLC: process.env.FOUNDRY_SOLC ?? join(root, 'tools', 'solc') };

// The program itself and not npm's shim, which leaves its child behind when it is killed.
function anvilProgram() {
  const resolver = createRequire(join(root, 'package.json'));
  const folder = dirname(resolver.resolve(`@foundry-rs/anvil-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}/package.json`));
  return join(folder, 'bin', 'anvil');
}

function startAnvil() {
  const anvil = spawn(anvilProgram(), ['--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    let output = '';
    anvil.on('error', reject);
    anvil.on('exit', () => reject(new Error(`anvil ended:\n${output}`)));
    anvil.stdout.on('data', (chunk) => {
      output += chunk;
      const listening = /Listening on (\S+)/.exec(output);
      if (listening) resolve({ anvil, url: `http://${listening[1]}` });
    });
  });
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

const { anvil, url } = await startAnvil();
anvil.removeAllListeners('exit');
try {
  const broadcast = ['--rpc-url', url, '--broadcast', '--private-key', DEV_KEY];
  const proofs = address('ProofRegistry', run(['script', 'script/Deploy.s.sol', ...broadcast]));
  const terms = '(100000000000000000,10000000000000000,86400,14400,16)';
  const signature = 'run(address,(uint256,uint256,uint40,uint40,uint16))';
  const claims = address(
    'ClaimRegistry',
    run(['script', 'script/DeployClaims.s.sol', '--sig', signature, proofs, terms, ...broadcast]),
  );
  process.stdout.write(run(['test', '--fork-url', url], { FOUNDRY_PROFILE: 'live', ZKINFER_CLAIM_REGISTRY: claims }));
} finally {
  anvil.kill();
}
