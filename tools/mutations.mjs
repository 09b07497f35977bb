// Is every check of the native verifier needed? Takes them out one at a time.
//
//     node tools/mutations.mjs && forge test --match-contract VerifierMutants
//     node tools/mutations.mjs V4 Sigma          makes only these again
//
// Each mutant is NativeVerifier, or NativeTestVerifier, with one condition of the protocol removed, compiled as they are (tools/alone.mjs), and
// written to out/mutants/VERIFIER/RULE.json. The test runs the forged proofs of tests/fixtures/native on them: the mutant without a condition
// has to accept the proofs that break it, which the verifier refuses.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VERIFIERS, compile, sources } from './alone.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const NATIVE = 'contracts/libraries/native/';

// rule: [file, what is there exactly once, what it becomes] …
const MUTANTS = {
  None: [],
  Limb: [['NativeSumcheck', 'bracket = addmod(bracket, mulmod(_word(powers.lambda, i), term, R), R);', 'term;']],
  Table: [['NativeSumcheck', 'bracket += mulmod(_word(powers.lambda, limbs), table, R);', 'table;']],
  LookupSum: [['NativeSumcheck', 'phi += mulmod(_word(powers.lambda, limbs + 4), mulmod(f.s, total, R), R);', '']],
  Relu: [['NativeSumcheck', 'bracket += mulmod(_word(powers.lambda, limbs + 1), mulmod(y, w, R), R);', '']],
  Saturate: [
    ['NativeSumcheck', 'bracket += mulmod(_word(powers.lambda, limbs + 2), mulmod(v, f.hi + R - y, R), R);', ''],
  ],
  Narrow: [
    ['NativeSumcheck', 'bracket += mulmod(_word(powers.lambda, limbs + 3), mulmod(f.nw, _word(evals, 2), R), R);', ''],
  ],
  Layer: [
    ['NativeSumcheck', 'claim = R - mulmod(weight, outputs, R);', 'weight; claim = 0;'],
    ['NativeSumcheck', 'uint256 wire = mulmod(f.b, _word(masks, 3), R);', 'uint256 wire = 0; f.a = 0;'],
  ],
  Wires: [
    ['NativeSumcheck', 'claim += mulmod(_word(powers.lambda, key.limbs + 5), inputs, R);', ''],
    ['NativeSumcheck', 'wire = mulmod(_word(powers.lambda, limbs + 5), f.e, R) + R - wire;', 'wire = R - wire;'],
  ],
  Constants: [
    ['NativeSumcheck', 'powers.constants = constants;', ''],
    ['NativeSumcheck', 'f.e = NativePrefix.interval(theta, n, 2, key.starts[2]);', 'f.e = NativePrefix.interval(theta, n, 2, key.starts[2] - 1);'],
    ['NativeSumcheck', 'if (l > 1) f.e = addmod(f.e, NativePrefix.single(theta, n, next - 1), R);', ''],
  ],
  MaskPositions: [
    ['NativeSumcheck', 'for (uint256 l = 1; l <= key.layers; l++) {\n                uint256 next = key.starts[l + 1];', 'before = 0;\n$&'],
  ],
  V4: [['NativeSumcheck', 'return claim == _phi(key, proof, c, powers, f);', 'return true;']],
  // (Without the comparison the stack is too deep. A_2 is only read with two levels, which set it.)
  V5a: [['NativeOpening', 'if (!_checkFolds(proof, c, s)) return false;', 'if (!_checkFolds(proof, c, s)) s.alpha2 = 1;']],
  V5b: [['NativeOpening', 'if (!_checkFinal(proof, c)) return false;', '']],
  // s.one is 0 there: with the constant the stack is too deep.
  FoldOpening: [
    ['NativeOpening', 'mulmod(s.zb, mulmod(eta, openings, R), R);', 'mulmod(s.one, mulmod(eta, openings, R), R);'],
    ['NativeOpening', 's.folds = addmod(s.za, mulmod(s.zb, eta, R), R);', 's.folds = addmod(s.za, mulmod(s.one, eta, R), R);'],
  ],
  Schnorr: [['NativeOpening', 'uint256 delta = c.delta;', 'uint256 delta = 0;']],
  V7: [['NativeOpening', 'return Bn254.pairingsAreOne(pairs, two ? 4 : 3);', 'return true;']],
  CommittedInputs: [
    ['NativeSumcheck', 'f.e = NativePrefix.interval(theta, n, 2, key.starts[2]);', 'f.e = NativePrefix.interval(theta, n, key.starts[2] - 1, key.starts[2]);'],
    ['NativeSumcheck', 'sum = R - mulmod(weight, NativePrefix.interval(theta, n, 2, 2 + key.dims[0]), R);', 'theta; weight;'],
  ],
  CommittedOutputs: [
    ['NativeSumcheck', 'f.b = addmod(f.b, mulmod(weight, upTo + R - before, R), R);', 'if (l < key.layers) $&'],
    ['NativeSumcheck', 'sum += mulmod(weight, NativePrefix.interval(alpha, n, 2, 2 + key.dims[key.layers]), R);', 'alpha;'],
  ],
  TensorPositions: [
    ['NativeSumcheck', 'NativePrefix.interval(alpha, n, 2, 2 + key.dims[key.layers])', 'NativePrefix.interval(alpha, n, 0, 2 + key.dims[key.layers])'],
  ],
  TensorEnd: [['NativeSumcheck', 'NativePrefix.interval(theta, n, 2, 2 + key.dims[0])', 'NativePrefix.interval(theta, n, 2, 3 + key.dims[0])']],
  SchnorrInputs: [
    ['NativeOpening', '_mask(proof, response, c, s, sum, masks, scalar, weight);\n                (masks', '_mask(proof, response, c, s, sum, masks, scalar, 0);\n                (masks'],
  ],
  SchnorrOutputs: [['NativeOpening', 'weight = mulmod(weight, c.delta, R);', 'weight = 0;']],
  Points: [
    ['NativeTranscript', 'abi.encode(START, digest, samples, statement.id)', 'abi.encode(START, digest, samples, 0)'],
    ['NativeTranscript', 'uint256 length = statement.length;', 'uint256 length = 0; statement.length;'],
  ],
  StatementId: [['NativeTranscript', 'abi.encode(START, digest, samples, statement.id)', 'abi.encode(START, digest, samples, 0)']],
  Sigma: [
    [
      'NativeTranscript',
      'state = _absorb(state, proof.sumPoints, proof.rounds);',
      'uint256 sigma; { uint256 at = proof.sigma; assembly ("memory-safe") { sigma := mload(at) mstore(at, 0) } }\n$&\n{ uint256 at = proof.sigma; assembly ("memory-safe") { mstore(at, sigma) } }',
    ],
  ],
};

function patched(original, patches) {
  const result = structuredClone(original);
  for (const [file, from, to] of patches) {
    const source = result[`${NATIVE}${file}.sol`];
    if (source.content.split(from).length !== 2) throw new Error(`not there exactly once: ${from}`);
    source.content = source.content.replace(from, () => to.replace('$&', from));
  }
  return result;
}

// All patches apply before anything is compiled.
const chosen = process.argv.slice(2);
const queue = Object.keys(VERIFIERS).flatMap((name) => {
  const original = sources(name);
  const mutants = Object.entries(MUTANTS).map(([rule, patches]) => [name, rule, patched(original, patches)]);
  return mutants.filter(([, rule]) => chosen.length === 0 || chosen.includes(rule));
});
const directory = join(root, 'out', 'mutants');
if (chosen.length === 0) rmSync(directory, { recursive: true, force: true });
for (const name of Object.keys(VERIFIERS)) mkdirSync(join(directory, name), { recursive: true });

async function worker() {
  for (let next = queue.shift(); next; next = queue.shift()) {
    const [name, rule, contracts] = next;
    const { deployedBytecode } = await compile(name, contracts);
    writeFileSync(join(directory, name, `${rule}.json`), `${JSON.stringify({ rule, code: deployedBytecode.object })}\n`);
    process.stdout.write(`${name} ${rule}\n`);
  }
}

try {
  await Promise.all([worker(), worker()]);
} catch (error) {
  process.stderr.write(`mutations: ${error.message}\n`);
  process.exit(1);
}
