// Is every check of the native verifiers needed? Takes them out one at a time.
//
//     node tools/mutations.mjs && forge test --match-contract VerifierMutants
//     node tools/mutations.mjs V4 Sigma          makes only these again
//     node tools/mutations.mjs --networks Link   the same, of the verifier of general networks alone
//
// Each mutant is NativeVerifier, or NativeTestVerifier, with one condition of the protocol removed, compiled as they are (tools/alone.mjs), and
// written to out/mutants/VERIFIER/RULE.json. The test runs the forged proofs of tests/fixtures/native on them: the mutant without a condition
// has to accept the proofs that break it, which the verifier refuses.
//
// NetworkVerifier and NetworkTestVerifier are two contracts each, of which they share one, and a condition is in one of the two. Where it is in
// the part, the verifier is the released one but that it takes any part. Their forged proofs are in tests/fixtures/networks/attacks*.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NETWORK_VERIFIERS, PART, VERIFIERS, compile, sources } from './alone.mjs';

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

const NETWORK = 'contracts/libraries/network/';

// The same of general networks, by the contract that the condition is in.
const zero = (weight) => `{ uint256 kept = o.lambda; o.lambda = 0; ${weight} o.lambda = kept; }`;
const RELATION = 'for (uint256 i = 0; i < count; i++) {\n                at = _relation(p, q, k, o, _inside(p, at));\n                o.lambda';
const LINEAR = 'at = _relation(p, q, k, o, _inside(p, at));\n                at = _linearOp(p, q, k, o, odds, at);';
const PORT = 'return NetworkAccess.port(';
// What a term on a committed port weighs at one position more.
const also = (position) => `uint256 more = NetworkPoint.equal(${position}, s.odds + 32 * level);\nreturn more + NetworkAccess.port(`;
const IN_PART = {
  Gate: [['NetworkKinds', 'sum = addmod(sum, mulmod(powers.word(i), a + order() - b, order()), order());', 'powers;']],
  Lookup: [['NetworkKinds', 'sum = addmod(sum, mulmod(w.powers.word(p.gates + i), tuple, order()), order());', 'tuple;']],
  LookupRows: [
    ['NetworkKinds', 'if (lookups == 0 && reads == 0) return at;', ''],
    ['NetworkKinds', 'for (uint256 i = 0; i < lookups; i++) {\n                z.looked', 'for (uint256 i = 0; i < p.lookups; i++) {\n                z.looked'],
  ],
  Read: [['NetworkKinds', 'mulmod(w.powers.word(exponent + j), mulmod(inverse', 'mulmod(0 * exponent, mulmod(inverse']],
  Write: [
    ['NetworkKinds', 'sum = addmod(sum, mulmod(w.powers.word(copies + p.reads), part, order()), order());', 'part;'],
    ['NetworkSummand', 'rows = mulmod(eq, mulmod(w.powers.word(exponent), tuple, order()), order());', 'rows = mulmod(0 * eq, tuple, order());'],
  ],
  CopySum: [['NetworkSummand', 'mulmod(w.powers.word(exponent + p.limbs + 3), read', 'mulmod(0 * exponent, read']],
  CopySample: [
    ['NetworkKinds', 'tuple += mulmod(w.gamma2, w.samples, order());', ''],
    ['NetworkSummand', 'tuple += mulmod(w.gamma2, w.samples, order());', ''],
  ],
  Limb: [['NetworkSummand', 'bracket = addmod(bracket, mulmod(w.powers.word(exponent + i), term, order()), order());', 'term;']],
  Table: [['NetworkSummand', 'bracket = addmod(bracket, mulmod(w.powers.word(exponent + limbs), tuple, order()), order());', 'tuple;']],
  LookupSum: [['NetworkSummand', 'phi += mulmod(w.powers.word(exponent + p.limbs + 1), total, order());', 'phi += 0 * total;']],
  Relation: [['NetworkSummand', RELATION, RELATION.replace('at = _relation(p, q, k, o, _inside(p, at));', zero('at = _relation(p, q, k, o, _inside(p, at));'))]],
  Linear: [['NetworkSummand', LINEAR, zero(LINEAR)]],
  Product: [['NetworkSummand', 'at = _productOp(p, q, o, w, _inside(p, at));', zero('at = _productOp(p, q, o, w, _inside(p, at));')]],
  Link: [
    ['NetworkSummand', 'uint256 sum = mulmod(link, mulmod(theta, y, order()), order()) + order() - g;', 'uint256 sum = 0 * theta + order() - g;'],
    ['NetworkSummand', ' + mulmod(order() - mulmod(link, mu, order()), o.hats, order());', ';'],
  ],
  LinkLeft: [['NetworkSummand', 'sum = mulmod(link, mulmod(theta, left, order()) + order() - o.left, order());', 'sum = 0;']],
  LinkRight: [['NetworkSummand', 'sum += mulmod(link, mulmod(theta, right, order()) + order() - o.right, order());', '']],
  Psi: [['NetworkSummand', 'NetworkPoint.interval(c.psi, 0, s.samples, odds)', 'NetworkPoint.interval(c.mu, 0, s.samples, odds)']],
  Theta: [['NetworkSummand', '(Point memory q, uint256 equalities) = _point(s, c);', 'c.theta = c.gamma;\n$&']],
  TensorPositions: [['NetworkTerms', PORT, also('0')]],
  TensorEnd: [['NetworkTerms', PORT, also('2 + b.port.word(2)')]],
  V4: [['NetworkSummand', 'if (phi != _rounds(proof, c, claim)) return false;', 'if (phi != _rounds(proof, c, claim)) return true;']],
  StatementId: [['NetworkTranscript', 'abi.encode(START, digest, samples, id)', 'abi.encode(START, digest, samples, uint256(id) * 0)']],
  Sigma: [
    [
      'NetworkTranscript',
      'state = _next(_absorb(state, proof.sumPoints, proof.rounds));',
      'uint256 sigma; { uint256 at = proof.sigma; assembly ("memory-safe") { sigma := mload(at) mstore(at, 0) } }\n$&\n{ uint256 at = proof.sigma; assembly ("memory-safe") { mstore(at, sigma) } }',
    ],
  ],
};
const IN_VERIFIER = {
  // (A_2 is only read with two levels, which set it.)
  V5a: [['NetworkOpening', 'if (!_checkFolds(c, proof, s)) return false;', 'if (!_checkFolds(c, proof, s)) s.alpha2 = 1;']],
  V5b: [['NetworkOpening', 'if (!_checkFinal(c, proof)) return false;', '']],
  // s.one is 0 there.
  FoldOpening: [
    ['NetworkOpening', 'mulmod(s.zb, mulmod(eta, openings, R), R);', 'mulmod(s.one, mulmod(eta, openings, R), R);'],
    ['NetworkOpening', 's.folds = addmod(s.za, mulmod(s.zb, eta, R), R);', 's.folds = addmod(s.za, mulmod(s.one, eta, R), R);'],
  ],
  Schnorr: [['NetworkOpening', 'uint256 delta = c.delta;', 'uint256 delta = 0;']],
  SchnorrTensor: [['NetworkOpening', 'weight = mulmod(weight, c.delta, R);', 'weight = 0;']],
  V7: [['NetworkOpening', 'return Bn254.pairingsAreOne(pairs, two ? 4 : 3);', 'return true;']],
};

function patched(original, patches, directory = NATIVE) {
  const result = structuredClone(original);
  for (const [file, from, to] of patches) {
    const source = result[`${directory}${file}.sol`];
    if (source.content.split(from).length !== 2) throw new Error(`not there exactly once: ${from}`);
    source.content = source.content.replace(from, () => to.replace('$&', from));
  }
  return result;
}

// All patches apply before anything is compiled.
const networksAlone = process.argv[2] === '--networks';
const chosen = process.argv.slice(networksAlone ? 3 : 2);
const isChosen = ([, rule]) => chosen.length === 0 || chosen.includes(rule);
const queue = (networksAlone ? [] : Object.keys(VERIFIERS)).flatMap((name) => {
  const original = sources(name);
  return Object.entries(MUTANTS).map(([rule, patches]) => [name, rule, patched(original, patches)]).filter(isChosen);
});
const networks = Object.keys(NETWORK_VERIFIERS);
for (const contract of [PART, ...networks]) {
  const original = sources(contract);
  const mutants = contract === PART ? IN_PART : { None: [], ...IN_VERIFIER };
  const all = Object.entries(mutants).map(([rule, patches]) => [contract, rule, patched(original, patches, NETWORK)]);
  queue.push(...all.filter(isChosen));
}
const released = (name) => JSON.parse(readFileSync(join(root, 'contracts', 'artifacts', `${name}.json`), 'utf8')).deployedBytecode;
const directory = join(root, 'out', 'mutants');
if (chosen.length === 0 && !networksAlone) rmSync(directory, { recursive: true, force: true });
if (chosen.length === 0 && networksAlone) for (const name of networks) rmSync(join(directory, name), { recursive: true, force: true });
const made = networksAlone ? networks : [...Object.keys(VERIFIERS), ...networks];
for (const name of made) mkdirSync(join(directory, name), { recursive: true });

/** What a mutant is written as: the verifiers it is one of, each with its code, and with that of its part if it has one. */
function files(contract, code) {
  if (contract === PART) return networks.map((name) => [name, { code: anyPart[name], part: code }]);
  return [[contract, networks.includes(contract) ? { code, part: released(PART) } : { code }]];
}

/** The verifier that takes any part: it is what calls the part's mutants, since the released one refuses them for their code. */
async function takesAnyPart(name) {
  const contracts = sources(name);
  const check = 'if (address(part).codehash != NETWORK_SUMCHECK) revert PartInvalid(address(part).codehash);';
  const source = contracts['contracts/verifiers/NetworkVerifier.sol'];
  if (source.content.split(check).length !== 2) throw new Error(`not there exactly once: ${check}`);
  source.content = source.content.replace(check, '');
  return (await compile(name, contracts)).deployedBytecode.object;
}
const anyPart = {};
if (queue.some(([contract]) => contract === PART)) for (const name of networks) anyPart[name] = await takesAnyPart(name);

async function worker() {
  for (let next = queue.shift(); next; next = queue.shift()) {
    const [contract, rule, contracts] = next;
    const code = (await compile(contract, contracts)).deployedBytecode.object;
    for (const [name, file] of files(contract, code)) {
      writeFileSync(join(directory, name, `${rule}.json`), `${JSON.stringify({ rule, ...file })}\n`);
    }
    process.stdout.write(`${contract} ${rule}\n`);
  }
}

try {
  await Promise.all([worker(), worker()]);
} catch (error) {
  process.stderr.write(`mutations: ${error.message}\n`);
  process.exit(1);
}
