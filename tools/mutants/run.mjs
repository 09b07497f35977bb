// Is every check of the pipeline needed? Takes them out one at a time, and runs the test that has to notice.
//
//     node tools/mutants/run.mjs                 all
//     node tools/mutants/run.mjs NAME…           these, and those whose names begin so
//     MUTANTS_ALL=1 node tools/mutants/run.mjs   also runs every test for what is said to be equivalent
//
// All mutants are compiled at once, each behind a switch that the environment variable MUTANT sets: one build, then a run of one
// test for each. The tree that is mutated is a copy, target/mutants/tree, built in target/mutants/build (MUTANTS_TARGET names another
// target directory, where dependencies are built already): no mutated program is ever where the real one is. A mutant whose test
// passes survives, and makes the exit code 1; so does a test that fails without any mutant.
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MUTANTS } from './table.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const TREE = join(ROOT, 'target/mutants/tree');
const TARGET = resolve(process.env.MUTANTS_TARGET ?? join(ROOT, 'target/mutants/build'));
const SUITES = ['ezkl_tests', 'native_backend', 'storage', 'cli'];
// What hangs without its check is noticed, too.
const DEADLINE_MS = 10 * 60 * 1000;
const SWITCH = `
/// Whether this mutant is switched on.
pub(crate) fn mutant(name: &str) -> bool {
    static ON: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    ON.get_or_init(|| std::env::var("MUTANT").ok()).as_deref() == Some(name)
}
`;

function fail(message) {
  process.stderr.write(`mutants: ${message}\n`);
  process.exit(1);
}

/// Where the one place of `text` is, within the one place of `context` if there is one.
function place(name, source, text, context) {
  const once = (where, what) => {
    if (where.split(what).length !== 2) fail(`${name}: not there exactly once: ${what}`);
    return where.indexOf(what);
  };
  if (context === undefined) return once(source, text);
  return once(source, context) + once(context, text);
}

/// The source with every mutant behind its switch. Places may lie in each other.
function switched(source, mutants) {
  const spans = mutants.map(({ name, from, to, within }) => {
    const start = place(name, source, from, within);
    return { name, to, start, end: start + from.length };
  });
  spans.sort((a, b) => a.start - b.start || b.end - a.end);
  const unconst = new Set();
  for (const { start } of spans) {
    const at = Math.max(source.lastIndexOf('fn ', start), 0);
    if (source.slice(at - 6, at) === 'const ') unconst.add(at - 6);
  }
  const render = (start, end, inner) => {
    let [text, at] = ['', start];
    const plain = (to) => {
      for (const from of unconst) if (at <= from && from < to) [text, at] = [text + source.slice(at, from), from + 6];
      text += source.slice(at, to);
      at = to;
    };
    while (inner.length > 0) {
      const [span, ...rest] = inner;
      const nested = rest.filter((other) => other.start < span.end);
      if (nested.some((other) => other.end > span.end)) fail(`${span.name} overlaps another one`);
      plain(span.start);
      text += `(if crate::mutant("${span.name}") { ${span.to} } else { ${render(span.start, span.end, nested)} })`;
      at = span.end;
      inner = rest.filter((other) => other.start >= span.end);
    }
    plain(end);
    return text;
  };
  return render(0, source.length, spans);
}

function tree() {
  const files = spawnSync('git', ['ls-files', '-z', '-c', '-o', '--exclude-standard'], { cwd: ROOT, maxBuffer: 1 << 26 });
  if (files.status !== 0) fail('this is no git checkout');
  const names = files.stdout.toString().split('\0').filter((name) => name && existsSync(join(ROOT, name)));
  const changed = new Map();
  for (const [name, mutant] of Object.entries(MUTANTS)) {
    changed.set(mutant.file, [...(changed.get(mutant.file) ?? []), { name, ...mutant }]);
  }
  const kept = join(TREE, '.files');
  const before = existsSync(kept) ? readFileSync(kept, 'utf8').split('\n') : [];
  for (const name of before) if (name && !names.includes(name)) rmSync(join(TREE, name), { force: true });
  for (const name of names) {
    const [from, to] = [join(ROOT, name), join(TREE, name)];
    mkdirSync(dirname(to), { recursive: true });
    let content = readFileSync(from);
    if (changed.has(name)) content = Buffer.from(switched(content.toString(), changed.get(name)));
    if (name === 'src/lib.rs') content = Buffer.from(content.toString() + SWITCH);
    // What is the same keeps its time, so that it is not compiled again.
    if (existsSync(to) && readFileSync(to).equals(content)) continue;
    copyFileSync(from, to);
    writeFileSync(to, content);
  }
  writeFileSync(kept, names.join('\n'));
  const modules = join(TREE, 'node_modules');
  if (!existsSync(modules)) symlinkSync(join(ROOT, 'node_modules'), modules);
}

/// The programs of the suites by their names.
function build() {
  const tests = SUITES.flatMap((suite) => ['--test', suite]);
  const args = ['test', '--locked', '--workspace', '--no-run', '--lib', ...tests, '--message-format=json'];
  const env = { ...process.env, CARGO_TARGET_DIR: TARGET };
  const cargo = spawnSync(process.env.CARGO ?? 'cargo', args, { cwd: TREE, env, maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'inherit'] });
  const programs = {};
  for (const line of cargo.stdout.toString().split('\n')) {
    if (!line.startsWith('{')) continue;
    const { executable, target, profile, message } = JSON.parse(line);
    // Switches have more parentheses than they need: of warnings nothing is said.
    if (message?.level === 'error') process.stderr.write(message.rendered);
    if (executable && profile?.test && (target.name === 'zkinfer' || SUITES.includes(target.name))) {
      programs[target.kind.includes('lib') ? 'lib' : target.name] ??= executable;
    }
  }
  if (cargo.status !== 0) fail('the mutated tree does not compile');
  return programs;
}

/// Whether a test passes, under a mutant or none.
function passes(programs, test, mutant) {
  const [suite, name] = test.split(' ');
  const program = programs[suite] ?? fail(`no suite is called ${suite}`);
  const env = { ...process.env };
  delete env.MUTANT;
  if (mutant) env.MUTANT = mutant;
  return new Promise((done) => {
    const run = spawn(program, name ? ['--exact', name] : [], { cwd: TREE, env, detached: true });
    let output = '';
    run.stdout.on('data', (data) => (output += data));
    run.stderr.on('data', (data) => (output += data));
    const timer = setTimeout(() => process.kill(-run.pid, 'SIGKILL'), DEADLINE_MS);
    run.on('close', (code) => {
      clearTimeout(timer);
      const ran = name ? /^running 1 test$/m.test(output) : true;
      if (!ran) fail(`there is no test ${test}`);
      done({ passed: code === 0, output });
    });
  });
}

async function all(jobs, work) {
  const queue = [...jobs];
  const worker = async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) await work(job);
  };
  await Promise.all([worker(), worker()]);
}

const wanted = process.argv.slice(2);
const chosen = Object.entries(MUTANTS).filter(([name]) => wanted.length === 0 || wanted.some((prefix) => name.startsWith(prefix)));
if (chosen.length === 0) fail('no mutant is called so');
tree();
const programs = build();
const killers = [...new Set(chosen.flatMap(([, { test }]) => test ?? []))].sort();
process.stdout.write(`${chosen.length} mutants, ${killers.length} tests\n`);
let bad = 0;
await all(killers, async (test) => {
  const { passed, output } = await passes(programs, test);
  if (!passed) {
    bad += 1;
    process.stdout.write(`FAILS WITHOUT A MUTANT  ${test}\n${output}\n`);
  }
});
if (bad > 0) fail('some tests fail without a mutant');
const modules = new Map();
await all(chosen, async ([name, { file, test, equivalent, open }]) => {
  const count = modules.get(file) ?? modules.set(file, { mutants: 0, killed: 0, equivalent: 0, open: 0 }).get(file);
  count.mutants += 1;
  const suites = test ? [test] : process.env.MUTANTS_ALL ? Object.keys(programs) : [];
  const results = [];
  for (const suite of suites) results.push((await passes(programs, suite, name)).passed);
  const killed = results.includes(false);
  if (killed) count.killed += 1;
  if (equivalent) count.equivalent += 1;
  if (open) count.open += 1;
  const right = equivalent || open ? !killed : killed;
  if (!right) bad += 1;
  process.stdout.write(`${killed ? 'killed    ' : equivalent ? 'equivalent' : open ? 'open      ' : 'SURVIVES  '}  ${name}  ${test ?? equivalent ?? open}\n`);
});
process.stdout.write('\n| module | mutants | killed | equivalent | open |\n|---|---|---|---|---|\n');
for (const [file, count] of [...modules].sort()) {
  process.stdout.write(`| \`${file.replace('src/ezkl/', '')}\` | ${count.mutants} | ${count.killed} | ${count.equivalent} | ${count.open} |\n`);
}
if (bad > 0) fail(`${bad} not as the table says`);
