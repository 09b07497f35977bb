// The checks of the pipeline, and what notices that one is missing.
//
//     name: { file, from: what is there exactly once (within `within`, if that is given), to: what it becomes,
//             test: 'suite name-of-the-test' that fails then, or equivalent: why nothing can, or open: what test is missing }
//
// `from` and `to` are expressions of one type. Suites: `lib` (tests beside the code), and those under tests/.

const RUN = 'src/ezkl/batch_proofs/run.rs';
const TOGETHER = 'src/ezkl/batch_proofs/together.rs';
const BATCH = 'src/ezkl/batch_proofs/mod.rs';
const CONFIG = 'src/ezkl/batch_proofs/config.rs';
const JOURNAL = 'src/ezkl/batch_proofs/journal.rs';
const QUEUE = 'src/ezkl/batch_proofs/queue.rs';
const SERVE = 'src/ezkl/batch_proofs/serve.rs';
const CIRCUIT = 'src/ezkl/batch_proofs/circuit.rs';
const REPORT = 'src/ezkl/batch_proofs/report.rs';
const POLICY = 'src/ezkl/verification/policy.rs';
const CHECK = 'src/ezkl/verification/check.rs';
const MEANS = 'src/ezkl/verification/means.rs';
const SETTLE = 'src/ezkl/verification/settle.rs';
const CACHE = 'src/ezkl/verification/cache.rs';
const VERIFIER = 'src/ezkl/verification/mod.rs';
const OPTIMISTIC = 'src/ezkl/verification/optimistic.rs';
const ON_CHAIN = 'src/ezkl/verification/on_chain.rs';
const RELEASE = 'src/chain/release.rs';
const INTEGRATION = 'src/ezkl/integration/mod.rs';
const LIMITS = 'src/ezkl/integration/config.rs';
const INFO = 'src/ezkl/integration/info.rs';
const METERED = 'src/ezkl/integration/metered.rs';
const REMOTE = 'src/ezkl/integration/remote.rs';

const lib = (name) => `lib ezkl::${name}`;
const pipeline = (name) => `ezkl_tests ezkl::${name}`;
const batch = (name) => pipeline(`batch_checks::${name}`);
const batches = (name) => pipeline(`test_batch_proofs::${name}`);
const verification = (name) => pipeline(`test_verification::${name}`);
const checks = (name) => pipeline(`verification_checks::${name}`);
const kept = (name) => pipeline(`kept_artifacts::${name}`);
const chain = (name) => pipeline(`boundary_chain::${name}`);
const running = (name) => lib(`batch_proofs::run::tests::${name}`);
const journal = (name) => lib(`batch_proofs::journal::tests::${name}`);
const queue = (name) => lib(`batch_proofs::queue::tests::${name}`);

const GROWS = batch('what_grows_above_the_limit_ends_the_chunk');
const STOPPED = batch('a_batch_that_is_stopped_is_cancelled_whatever_its_limits');
const BROKEN = running('a_journal_that_cannot_be_written_ends_the_batch');
const OVER = running('a_run_is_over_when_it_is_cancelled_or_broken_or_too_large');
const WORKERS = running('as_many_workers_run_as_fit_into_the_memory');
const MEANT = pipeline('bad_input::configurations_that_cannot_be_meant_are_refused');
const ONE_BATCH = batch('a_journal_is_of_one_batch');
const EVERY = checks('every_bundle_and_every_statement_counts');
const BOUNDS = checks('bounds_are_inclusive');
const KEPT = checks('a_kept_verdict_is_of_its_statements_its_means_and_its_mode');
const OWN = checks('a_backend_verifies_its_own_models_alone');
const DAMAGE = journal('damage_and_other_batches_are_refused_and_nothing_is_overwritten');
const CUT = journal('a_record_that_was_cut_off_is_removed');
const INDEX = pipeline('stored_artifacts::an_index_that_says_something_else_is_refused');
const NAMES = pipeline('stored_artifacts::names_with_a_path_in_them_are_refused');
const LEVELS = lib('verification::policy::tests::higher_levels_tolerate_less_and_none_tolerates_a_mock_but_testing');
const MANIFESTS = verification('native::manifests_are_compared_with_what_is_known');
const REGISTRY = chain('boundary_a_registry_that_answers_like_one_is_sent_nothing');
const DEPLOYED = verification('native::the_deployed_contract_verifies');

export const MUTANTS = {
  // A batch while it runs.
  'run-recover-verdict': {
    file: RUN, from: 'verdict == Verdict::Valid', to: 'true',
    test: pipeline('recovery::a_journals_proofs_are_verified'),
  },
  'run-recover-request': {
    file: RUN, from: 'self.generator.check(&item.request).is_err()', to: 'false',
    test: batch('a_journal_proves_no_request_that_is_refused_or_missing'),
  },
  'run-recover-index': {
    file: RUN, from: 'self.items.get(index)', to: 'self.items.get(index).or(self.items.last())',
    test: batch('a_journal_proves_no_request_that_is_refused_or_missing'),
  },
  'run-recover-statement': {
    file: RUN, from: '*found == own', to: 'true',
    test: pipeline('recovery::a_journal_is_checked_like_a_strangers'),
  },
  'run-recover-place': {
    file: RUN, from: 'place < circuit.size()', to: 'true',
    test: batches('a_circuit_that_takes_four'),
  },
  'run-recover-again': {
    file: RUN, from: 'state.outcomes[index].is_none()', to: 'true',
    test: batch('one_proof_for_many_is_recovered'),
  },
  'run-first-alone': {
    file: RUN, from: 'self.config.limits.memory_kb.is_some() && self.predicted_kb().is_none()', to: 'false',
    test: batches('memory_is_measured_first_and_enforced'),
  },
  'run-forecast': {
    file: RUN, from: 'self.generator.backend().peak_rss_kb().or_else(forecast)', to: 'self.generator.backend().peak_rss_kb()',
    test: batch('a_forecast_above_the_limit_is_refused_before_the_first_proof'),
  },
  'run-admit-limit': { file: RUN, from: 'needed_kb > limit_kb', to: 'false', test: WORKERS },
  'run-admit-limit-bound': { file: RUN, from: 'needed_kb > limit_kb', to: 'needed_kb >= limit_kb', test: WORKERS },
  'run-admit-fitting': { file: RUN, from: 'fitting.clamp(1, workers)', to: 'workers', test: WORKERS },
  'run-admit-unknown': { file: RUN, from: 'Some(1)', within: 'None => Some(1),', to: 'Some(workers)', test: WORKERS },
  'run-broken': { file: RUN, from: 'self.state().broken.take().map_or(Ok(()), Err)', to: 'Ok(())', test: BROKEN },
  'run-over-cancelled': { file: RUN, from: 'self.control.cancel.is_cancelled()\n', to: 'false\n', test: OVER },
  'run-over-broken': { file: RUN, from: 'self.state().broken.is_some()', to: 'false', test: OVER },
  'run-over-memory': { file: RUN, from: 'measured() > limit', to: 'false', test: OVER },
  'run-over-memory-bound': { file: RUN, from: 'measured() > limit', to: 'measured() >= limit', test: OVER },
  'run-over-before-an-item': {
    file: RUN, from: 'self.is_over()', within: 'if self.is_over() {\n            return;\n        }\n        self.enter', to: 'false',
    test: GROWS,
  },
  'run-record': { file: RUN, from: 'self.record(&bundle, &[(index, 0)])?', to: '()', test: pipeline('recovery::native::a_killed_batch_goes_on') },
  'run-record-broken': { file: RUN, from: 'state.broken = Some(error)', to: 'drop(error)', test: BROKEN },
  'run-request': { file: RUN, from: 'self.generator.check(request)?', to: '()', test: batches('native::failures_are_told_by_index') },
  'run-deduplicate': {
    file: RUN, from: 'self.config.deduplicate', to: 'true',
    test: batches('ten_thousand_requests_are_within_the_bound'),
  },
  'run-duplicate': { file: RUN, from: 'first != index', to: 'false', test: batches('native::duplicates_are_proven_once') },
  'run-duplicate-of-a-failure': {
    file: RUN, from: 'self.settle(index, outcome)', within: 'Some(outcome) => self.settle(index, outcome),', to: 'self.settle(index, Outcome::Duplicate { of })',
    test: batch('a_duplicate_of_a_failure_is_a_failure'),
  },
  'run-finish-over': { file: RUN, from: 'stopped || self.control.cancel.is_cancelled()', to: 'false', test: STOPPED },
  'run-finish-stopped': { file: RUN, from: 'stopped || self.control.cancel.is_cancelled()', to: 'self.control.cancel.is_cancelled()', test: STOPPED },
  'run-finish-cancelled': { file: RUN, from: 'stopped || self.control.cancel.is_cancelled()', to: 'stopped', test: STOPPED },
  'run-finish-memory': {
    file: RUN, from: 'self.settle(index, Outcome::of_error(&error))',
    within: 'self.open().into_iter().for_each(|index| self.settle(index, Outcome::of_error(&error)));\n        }\n        let items', to: '()',
    test: GROWS,
  },
  'run-status-cancelled': { file: RUN, from: 'metrics.cancelled > 0', to: 'false', test: batches('native::cancellation_stops_a_batch') },
  'run-status-complete': { file: RUN, from: 'metrics.failed == 0', to: 'true', test: batches('native::failures_are_told_by_index') },
  'run-status-failed': { file: RUN, from: 'metrics.failed < items.len()', to: 'true', test: batches('native::limits_hold') },

  // One proof for many.
  'together-over-witness': {
    file: TOGETHER, from: 'self.is_over()', within: 'if self.is_over() {\n                return;\n            }\n            self.enter(index, 0);', to: 'false',
    test: batch('a_cancelled_chunk_begins_nothing'),
  },
  'together-over-group': {
    file: TOGETHER, from: 'self.is_over()', within: 'if self.is_over() {\n                return;\n            }\n            let places', to: 'false',
    test: GROWS,
  },
  'together-record': { file: TOGETHER, from: 'self.record(&bundle, &places)?', to: '()', test: batch('one_proof_for_many_is_recovered') },
  'together-context': {
    file: TOGETHER, from: 'a.context == b.context', to: 'true',
    test: lib('batch_proofs::together::tests::groups_are_of_one_context_and_no_larger_than_the_circuit'),
  },
  'together-size': {
    file: TOGETHER, from: 'circuit.size()', to: 'usize::MAX',
    test: lib('batch_proofs::together::tests::groups_are_of_one_context_and_no_larger_than_the_circuit'),
  },
  'together-max-batch': { file: TOGETHER, from: 'self.generator.capacity().unwrap_or(1).max(1)', to: 'usize::MAX', test: GROWS },

  // A batch as a whole.
  'batch-config': { file: BATCH, from: 'config.check()?', to: '()', test: MEANT },
  'batch-hidden': {
    file: BATCH, from: 'generator.prepared().artifacts.schema()?.hides()', to: 'false',
    test: 'native_backend hidden::a_batch_generator_refuses_what_it_would_make_unopenable',
  },
  'batch-recover': { file: BATCH, from: 'run.recover(records)?', to: '()', test: pipeline('recovery::native::a_killed_batch_goes_on') },
  'batch-stopped': { file: BATCH, from: '!stopped', to: 'true', test: batches('a_chunk_is_begun_when_the_last_one_is_taken') },
  'batch-cancelled': { file: BATCH, from: '!control.cancel.is_cancelled()', to: 'true', test: STOPPED },
  'batch-empty': { file: BATCH, from: 'items.is_empty()', to: 'false', test: pipeline('bad_input::empty_batches_and_repeated_ids_are_refused') },
  'batch-queued': {
    file: BATCH, from: 'items.len() > self.config.limits.queued', to: 'false',
    test: batch('what_is_too_much_begins_no_journal'),
  },
  'batch-ids': { file: BATCH, from: '!ids.insert(&item.id)', to: 'false', test: pipeline('bad_input::empty_batches_and_repeated_ids_are_refused') },
  'batch-bundles': {
    file: BATCH, from: 'items.len() > MAX_BUNDLES', to: 'false',
    test: batches('more_than_a_structure_holds_is_refused_at_once'),
  },
  'batch-bundles-tree': {
    file: BATCH, from: 'matches!(self.config.aggregation, Aggregation::Merkle | Aggregation::Recursive { .. })',
    to: 'self.config.aggregation == Aggregation::Merkle', test: batches('more_than_a_structure_holds_is_refused_at_once'),
  },
  'batch-one-proof': { file: BATCH, from: 'max < 2 && items.len() > 1', to: 'false', test: batches('one_proof_for_many') },
  'batch-models': { file: BATCH, from: 'models.len() > 1', to: 'false', test: batches('one_proof_for_many') },
  'batch-name-model': {
    file: BATCH, from: 'hasher.bytes(self.generator.prepared().artifacts.model_id().as_slice())', to: '()', test: ONE_BATCH,
  },
  'batch-name-aggregation': {
    file: BATCH, from: 'hasher.number(u64::from(self.config.aggregation == Aggregation::InCircuit))', to: '()', test: ONE_BATCH,
  },
  'batch-name-id': { file: BATCH, from: 'hasher.text(&item.id)', to: '()', test: ONE_BATCH },
  'batch-name-request': { file: BATCH, from: 'hasher.bytes(item.request.fingerprint().as_slice())', to: '()', test: ONE_BATCH },
  'batch-name-context': { file: BATCH, from: 'hasher.bytes(item.request.context.id().as_slice())', to: '()', test: ONE_BATCH },
  'batch-name-count': {
    file: BATCH, from: 'hasher.number(items.len() as u64)', to: '()',
    equivalent: 'every item adds the same number of fields, each with its length: other counts are other byte strings all the same',
  },
  'batch-bundle-once': { file: BATCH, from: 'Arc::ptr_eq(other, bundle)', to: 'false', test: batches('one_proof_for_many') },
  'batch-no-bundle': { file: BATCH, from: 'bundles.is_empty()', to: 'false', test: batch('nothing_proven_is_no_structure') },

  // How a batch is proven.
  'config-workers': { file: CONFIG, from: 'self.workers() == 0', to: 'false', test: MEANT },
  'config-workers-limit': { file: CONFIG, from: 'asked.min(self.limits.workers)', to: 'asked', test: MEANT },
  'config-queued': { file: CONFIG, from: 'self.limits.queued == 0', to: 'false', test: MEANT },
  'config-min': { file: CONFIG, from: 'min == 0', to: 'false', test: MEANT },
  'config-max': { file: CONFIG, from: 'max < min', to: 'false', test: MEANT },
  'config-depth': { file: CONFIG, from: '!(1..=crate::proof::structure::MAX_DEPTH).contains(&depth)', to: 'false', test: MEANT },

  // The journal.
  'journal-lock': {
    file: JOURNAL, from: "file.try_lock().map_err(|error| refuse(path, format!(\"is in use by another process: {error}\")))?", to: '()',
    test: journal('records_are_read_back_and_appended_to'),
  },
  'journal-begun': { file: JOURNAL, from: '!header(batch).starts_with(&begun)', to: 'false', test: DAMAGE },
  'journal-header': { file: JOURNAL, from: 'found[..] != header(batch)', to: 'false', test: DAMAGE },
  'journal-prefix-cut': { file: JOURNAL, from: 'left < prefix.len() as u64', to: 'false', test: CUT },
  'journal-inverted': { file: JOURNAL, from: 'inverted != !size', to: 'false', test: DAMAGE },
  'journal-size': { file: JOURNAL, from: 'size > 2 * MAX_BUNDLE_BYTES as u64', to: 'false', test: DAMAGE },
  'journal-payload-cut': { file: JOURNAL, from: 'left - (prefix.len() as u64) < size', to: 'false', test: CUT },
  'journal-hash': { file: JOURNAL, from: 'blake3::hash(&payload).as_bytes()[..] != prefix[16..]', to: 'false', test: DAMAGE },
  'journal-parse': {
    file: JOURNAL, from: 'parse(&payload).ok_or_else(|| refuse(&path, format!("is damaged at byte {at}")))?',
    to: 'match parse(&payload) { Some(record) => record, None => { at += prefix.len() as u64 + size; continue } }',
    test: journal('a_record_of_something_else_is_damage'),
  },
  'journal-remove': {
    file: JOURNAL, from: 'self.file.set_len(at).and_then(|()| self.file.sync_all()).map_err(io)?', to: '()',
    test: batch('a_record_that_was_cut_off_leaves_nothing'),
  },

  // The queue, and who serves it.
  'queue-closed': { file: QUEUE, from: 'state.closed', within: 'if state.closed {\n            return Err', to: 'false', test: queue('a_closed_queue_is_served_to_its_end') },
  'queue-full': { file: QUEUE, from: 'state.len() >= self.capacity', to: 'false', test: queue('ten_thousand_fit_and_one_more_does_not') },
  'queue-starved': { file: QUEUE, from: 'self.passed[*class] >= PATIENCE', to: 'false', test: queue('a_stream_of_urgent_requests_starves_nobody') },
  'queue-served': { file: QUEUE, from: 'self.passed[served] = 0', to: '()', test: queue('a_stream_of_urgent_requests_starves_nobody') },
  'serve-cancelled': { file: SERVE, from: 'control.cancel.is_cancelled()', to: 'false', test: batch('what_is_left_in_a_queue_is_cancelled') },
  'circuit-backend': {
    file: CIRCUIT, from: 'prepared.artifacts.identity().backend != BackendName::Ezkl', to: 'false',
    test: batches('one_proof_for_many'),
  },
  'circuit-of-one': {
    file: CIRCUIT, from: 'size.get() > 1', to: 'true',
    equivalent: 'a circuit that takes one has one place, 0, and is refused or used as one that takes several would be',
  },
  'report-cancelled': {
    file: REPORT, from: 'error.is_cancellation()', to: 'false', test: batch('a_cancelled_chunk_begins_nothing'),
  },
  'report-itself': {
    file: REPORT, from: '*of != index', to: 'true',
    equivalent: 'no run makes an item a duplicate of itself; it keeps a report that a caller put together from an endless recursion',
  },

  // Policies.
  'policy-mock': { file: POLICY, from: 'matches!(self, Self::Testing)', to: 'true', test: LEVELS },
  'policy-test-srs': { file: POLICY, from: 'matches!(self, Self::Testing | Self::Development)', to: '!matches!(self, Self::Strict)', test: LEVELS },
  'policy-strict': { file: POLICY, from: '!matches!(self, Self::Strict)', to: 'true', test: LEVELS },
  'policy-named-by-id': { file: POLICY, from: 'self.expected.model.is_some()', to: 'false', test: checks('naming_the_models_hushes_no_other_warning') },
  'policy-named-by-list': { file: POLICY, from: 'matches!(constraint, Constraint::AllowedModels { .. })', to: 'false', test: checks('naming_the_models_hushes_no_other_warning') },
  'policy-named-by-any': { file: POLICY, from: 'matches!(constraint, Constraint::AllowedModels { .. })', to: 'true', test: checks('naming_the_models_hushes_no_other_warning') },
  'policy-models': { file: POLICY, from: '!models.contains(id)', to: 'false', test: EVERY },
  'policy-models-first': { file: POLICY, from: 'bundles.iter().map(|bundle| bundle.model_id()).find(|id| !models.contains(id))', to: 'bundles[..1].iter().map(|bundle| bundle.model_id()).find(|id| !models.contains(id))', test: EVERY },
  'policy-length': { file: POLICY, from: 'longest <= *elements', to: 'true', test: EVERY },
  'policy-length-bound': { file: POLICY, from: 'longest <= *elements', to: 'longest < *elements', test: EVERY },
  'policy-length-first': { file: POLICY, from: 'output_lengths(bundles).max()', to: 'output_lengths(bundles).min()', test: EVERY },
  'policy-length-outputs': {
    file: POLICY, from: 'tensor.direction == Direction::Output', within: 'schema.tensors().iter().filter(|tensor| tensor.direction == Direction::Output)', to: 'true',
    test: EVERY,
  },
  'policy-confidence': { file: POLICY, from: 'least >= *confidence', to: 'true', test: EVERY },
  'policy-confidence-first': {
    file: POLICY, from: 'answers(bundles).iter().map(|answer| self::confidence(answer)).fold(1.0, f64::min)',
    to: 'answers(bundles).first().map_or(1.0, |answer| self::confidence(answer))', test: EVERY,
  },
  'policy-confidence-outputs': {
    file: POLICY, from: 'tensor.direction == Direction::Output', within: 'zip(values).filter(|(tensor, _)| tensor.direction == Direction::Output)', to: 'true',
    test: EVERY,
  },
  'policy-confidence-none': { file: POLICY, from: 'sum > 0.0', to: 'sum != 0.0', test: lib('verification::policy::tests::confidence_is_the_softmax_of_the_greatest') },

  // What is checked besides cryptography.
  'check-refused-already': { file: CHECK, from: 'verification.status == Status::Pending', to: 'true', test: MANIFESTS },
  'check-optimistic': { file: CHECK, from: 'policy.mode != Mode::Optimistic', to: 'true', test: verification('native::modes_have_their_own_properties') },
  'check-depth': { file: CHECK, from: 'depth > policy.max_depth', to: 'false', test: BOUNDS },
  'check-depth-bound': { file: CHECK, from: 'depth > policy.max_depth', to: 'depth >= policy.max_depth', test: BOUNDS },
  'check-manifest': { file: CHECK, from: 'bundles.iter().find_map(|bundle| self.means(bundle).refuse(bundle))', to: 'None', test: MANIFESTS },
  'check-manifest-first': { file: CHECK, from: 'bundles.iter().find_map(|bundle| self.means(bundle).refuse(bundle))', to: 'self.means(bundles[0]).refuse(bundles[0])', test: EVERY },
  'check-links': { file: CHECK, from: 'structure.is_linked()', to: 'false', test: pipeline('broken_chains::a_batch_is_no_step') },
  'check-future': { file: CHECK, from: 'made > now + CLOCK_SKEW', to: 'false', test: BOUNDS },
  'check-future-skew': { file: CHECK, from: 'made > now + CLOCK_SKEW', to: 'made > now', test: BOUNDS },
  'check-age': { file: CHECK, from: 'age > limit', to: 'false', test: BOUNDS },
  'check-age-bound': { file: CHECK, from: 'age > limit', to: 'age >= limit', test: BOUNDS },
  'check-deadline': { file: CHECK, from: 'now.as_secs() > assignment.deadline', to: 'false', test: BOUNDS },
  'check-deadline-bound': { file: CHECK, from: 'now.as_secs() > assignment.deadline', to: 'now.as_secs() >= assignment.deadline', test: BOUNDS },
  'check-deadline-first': { file: CHECK, from: 'bundle.statements()', within: 'for statement in bundle.statements() {', to: '&bundle.statements()[..1]', test: EVERY },
  'check-dates-first': { file: CHECK, from: 'bundles', within: 'for bundle in bundles {\n            let made = Duration::from_millis(bundle.manifest().created_at_ms);\n            if', to: '&bundles[..1]', test: EVERY },
  'check-old': { file: CHECK, from: 'now.saturating_sub(made) > OLD', to: 'false', test: BOUNDS },
  'check-old-bound': { file: CHECK, from: 'now.saturating_sub(made) > OLD', to: 'now.saturating_sub(made) >= OLD', test: BOUNDS },
  'check-own-code': { file: CHECK, from: 'warning == Warning::OwnCode', to: 'true', test: checks('naming_the_models_hushes_no_other_warning') },
  'check-named': { file: CHECK, from: 'policy.names_models()', to: 'true', test: checks('naming_the_models_hushes_no_other_warning') },
  'check-expected-model': { file: CHECK, from: 'id != model', to: 'false', test: EVERY },
  'check-expected-model-first': {
    file: CHECK, from: 'structure.bundles().iter().map(|bundle| bundle.model_id()).find(|&id| id != model)',
    to: 'structure.bundles()[..1].iter().map(|bundle| bundle.model_id()).find(|&id| id != model)', test: EVERY,
  },
  'check-expected-statements': { file: CHECK, from: 'found != *ids', to: 'false', test: verification('native::what_is_not_expected_is_named') },
  'check-expected-root': { file: CHECK, from: 'expected != root', to: 'false', test: verification('native::what_is_not_expected_is_named') },
  'check-warnings': { file: CHECK, from: '!trust.tolerates(warning)', to: 'false', test: verification('native::a_basic_verification') },
  'check-constraints': { file: CHECK, from: '!result.satisfied', to: 'false', test: EVERY },
  'check-contradictory': { file: CHECK, from: 'one.is_valid() != other.verdict.is_valid()', to: 'false', test: pipeline('lying_backend::verifiers_that_disagree_make_nothing_valid') },

  // What it is checked with.
  'means-mock': { file: MEANS, from: '!capabilities.proves', to: 'false', test: verification('mock_bundles_are_refused') },
  'means-test-srs': { file: MEANS, from: 'Warning::of_srs(self.prepared.srs)', to: 'None', test: verification('native::a_basic_verification') },
  'means-off-chain': { file: MEANS, from: 'capabilities.proves && !has_contracts', to: 'false', test: 'native_backend boundary::boundary_a_retrieved_model_of_a_ceremony_is_verified' },
  'means-transferable': { file: MEANS, from: '!capabilities.binds_statement', to: 'false', test: verification('ezkl::a_basic_verification') },
  'means-backend-of-artifacts': { file: MEANS, from: 'manifest.backend != identity.backend', to: 'false', test: OWN },
  'means-backend-of-verifier': { file: MEANS, from: 'manifest.backend != capabilities.backend', to: 'false', test: OWN },
  'means-model': { file: MEANS, from: 'bundle.model_id() != ours', to: 'false', test: verification('native::another_models_key_is_named') },
  'means-says-test': { file: MEANS, from: 'manifest.test_srs != self.prepared.srs.is_test()', to: 'false', test: MANIFESTS },
  'means-says-transferable': { file: MEANS, from: 'manifest.transferable == capabilities.binds_statement', to: 'false', test: MANIFESTS },
  'means-carried-backend': { file: MEANS, from: 'manifest.backend != backend', to: 'false', test: 'cli verify_options::manifests_that_lie_are_invalid_without_artifacts' },
  'means-carried-test': { file: MEANS, from: 'manifest.test_srs != srs_kind(manifest.srs_id).is_test()', to: 'false', test: checks('a_lie_is_told_with_both_values') },
  'means-carried-transferable': { file: MEANS, from: 'manifest.transferable != transferable', to: 'false', test: checks('a_lie_is_told_with_both_values') },
  'means-carried-model': { file: MEANS, from: 'carried::refuse_model(bundle)', to: 'None', test: 'native_backend hidden::a_key_object_whose_schema_lies_is_refused' },
  'means-carried-own-code': { file: MEANS, from: 'Some(Warning::OwnCode)', to: 'None', test: verification('native::bundles_verify_with_what_they_carry') },
  'means-carried-test-srs': { file: MEANS, from: 'Warning::of_srs(srs_kind(bundle.manifest().srs_id))', to: 'None', test: verification('native::bundles_verify_with_what_they_carry') },
  'means-carried-is-transferable': { file: MEANS, from: 'backend == Some(BackendName::Ezkl)', to: 'false', test: 'cli carried::an_ezkl_bundle_verifies_without_ezkl_in_the_embedded_evm' },
  'means-version': { file: MEANS, from: 'version != *said', to: 'false', test: MANIFESTS },
  'means-full': { file: MEANS, from: 'Ok(known.verify(bundle, control)?.into())', to: 'Ok(Finding { embedded_evm: None, ..known.verify(bundle, control)?.into() })', test: pipeline('lying_backend::verifiers_that_disagree_make_nothing_valid') },

  // The cryptography, and what is kept of it.
  'settle-none': { file: SETTLE, from: 'Verdict::invalid("no verifier said anything of it")', to: 'Verdict::Valid', test: pipeline('lying_backend::a_verdict_that_is_missing_is_not_valid') },
  'settle-disagree': { file: SETTLE, from: 'one.is_valid() != other.is_valid()', to: 'false', test: pipeline('lying_backend::verifiers_that_disagree_make_nothing_valid') },
  'settle-invalid': { file: SETTLE, from: 'verification.status.is_valid()', to: 'false', test: verification('native::a_corrupted_proof_is_invalid_with_a_reason') },
  'settle-cancelled': { file: SETTLE, from: 'control.cancel.is_cancelled()', to: 'false', test: verification('native::bundles_verify_with_what_they_carry') },
  'settle-together-model': { file: SETTLE, from: 'means.model_id() == known.model_id()', to: 'true', test: verification('native::several_models_in_one_verifier') },
  'cache-means': { file: CACHE, from: 'hasher.text(means)', to: '()', test: KEPT },
  'cache-mode-full': { file: CACHE, from: '1', within: 'Mode::Full => 1,', to: '0', test: KEPT },
  'cache-mode-contracts': { file: CACHE, from: '2', within: 'Mode::Contracts => 2,', to: '0', test: KEPT },
  'cache-mode-contracts-full': { file: CACHE, from: '2', within: 'Mode::Contracts => 2,', to: '1', test: KEPT },
  'cache-statements': { file: CACHE, from: 'bundle.statements().iter().map(Statement::id).for_each(|id| hasher.bytes(id.as_slice()))', to: '()', test: KEPT },
  'cache-proof': { file: CACHE, from: 'hasher.bytes(bundle.proof())', to: '()', test: verification('native::the_second_result_is_from_the_cache') },
  'cache-model': {
    file: CACHE, from: 'hasher.bytes(bundle.model_id().as_slice())', to: '()',
    equivalent: 'every statement id covers the model id',
  },
  'cache-count': {
    file: CACHE, from: 'hasher.number(bundle.statements().len() as u64)', to: '()',
    equivalent: 'ids and proof are hashed with their lengths; a proof of 32 bytes, which could be taken for an id, is never valid',
  },
  'cache-capacity': {
    file: CACHE, from: 'self.capacity == 0', to: 'false',
    equivalent: 'what goes into a cache of no capacity is its oldest, and goes out again before the lock is released',
  },
  'cache-oldest': { file: CACHE, from: 'state.order.len() > self.capacity', to: 'false', test: lib('verification::cache::tests::the_oldest_goes_first_and_capacity_0_keeps_nothing') },
  'optimistic-refused': { file: OPTIMISTIC, from: 'known.status != Status::Pending', to: 'false', test: verification('native::modes_have_their_own_properties') },
  'verifier-proves': { file: VERIFIER, from: 'self.proves', to: 'true', test: verification('mock_bundles_are_refused') },
  'verifier-contradictory': { file: VERIFIER, from: 'evm.verdict.is_valid() != self.off_chain.is_valid()', to: 'false', test: pipeline('lying_backend::verifiers_that_disagree_make_nothing_valid') },
  'verifier-same-model': { file: VERIFIER, from: 'self.models.iter().all(|other| other.model_id() != known.model_id())', to: 'true', test: verification('native::several_models_in_one_verifier') },
  'verifier-carried': { file: VERIFIER, from: '!self.carried', to: 'true', test: verification('native::several_models_in_one_verifier') },
  'verifier-artifacts-alone': { file: VERIFIER, from: '!self.carried', to: 'false', test: verification('native::another_models_key_is_named') },

  // On a chain.
  'on-chain-mock': { file: ON_CHAIN, from: 'refuse_mock(bundle)?', within: 'refuse_mock(bundle)?;\n        let adapter_id', to: '()', test: verification('mock_bundles_are_refused') },
  'on-chain-adapter': { file: ON_CHAIN, from: 'evm::artifacts::adapter(adapter_id).ok_or(PipelineError::NoAdapter(adapter_id))?', to: 'evm::artifacts::native_verifier()', test: chain('boundary_adapter_id_zero_is_never_called') },
  'on-chain-no-code': { file: ON_CHAIN, from: 'code.is_empty() || found != expected', to: 'found != expected', test: chain('boundary_code_that_is_not_there_is_no_models_code') },
  'on-chain-code': { file: ON_CHAIN, from: 'code.is_empty() || found != expected', to: 'code.is_empty()', test: DEPLOYED },
  'on-chain-answer': { file: ON_CHAIN, from: 'data.is_empty()', to: 'true', test: chain('boundary_an_answer_with_content_is_no_verdict') },
  'on-chain-refused': {
    file: ON_CHAIN, from: 'Verdict::invalid(refusal.to_string())', within: 'Err(ChainError::Refused { refusal, .. }) => Ok(answer(Verdict::invalid(refusal.to_string()), 0)),', to: 'Verdict::Valid', test: DEPLOYED,
  },
  'on-chain-submit-mock': { file: ON_CHAIN, from: 'refuse_mock(bundle)?', within: 'refuse_mock(bundle)?;\n        let contract', to: '()', test: verification('mock_bundles_are_refused') },
  'on-chain-registry-code': { file: RELEASE, from: 'code != proof_registry_code(models)?', to: 'false', test: REGISTRY },
  'on-chain-registry-models': { file: RELEASE, from: 'code == artifacts::model_registry().deployed_bytecode', to: 'true', test: REGISTRY },
  'on-chain-claim-refused': {
    file: ON_CHAIN, from: 'Verdict::invalid(refusal.to_string())', within: 'Ok(refused(Verdict::invalid(refusal.to_string())))', to: 'Verdict::Valid', test: DEPLOYED,
  },
  'on-chain-gas': { file: ON_CHAIN, from: 'self.transaction.is_some()', to: 'true', test: DEPLOYED },

  // Artifacts: built, kept, found, given up.
  'integration-config': { file: INTEGRATION, from: 'config.check(&*backend)?', to: '()', test: pipeline('test_integration::native::an_absent_accelerator_is_a_typed_error') },
  'integration-max': { file: INTEGRATION, from: 'limit.min(own)', to: 'limit', test: kept('a_limit_of_constraints_holds_for_what_is_built_and_for_what_is_found') },
  'integration-ready': { file: INTEGRATION, from: 'false', within: 'ready: false', to: 'true', test: kept('without_a_cache_it_takes_no_requests') },
  'integration-counted': {
    file: INTEGRATION, from: 'found.backend == ours', within: 'dirs.filter(|dir| Artifacts::peek(dir).is_ok_and(|found| found.backend == ours))', to: 'true',
    test: kept('backends_share_a_cache_and_find_their_own'),
  },
  'integration-limit-found': { file: INTEGRATION, from: 'self.within_limit(found)', to: 'Ok(found)', test: kept('a_limit_of_constraints_holds_for_what_is_built_and_for_what_is_found') },
  'integration-limit-built': { file: INTEGRATION, from: 'self.within_limit(prepared)', to: 'Ok(prepared)', test: kept('a_limit_of_constraints_holds_for_what_is_built_and_for_what_is_found') },
  'integration-limit': { file: INTEGRATION, from: 'constraints > limit', to: 'constraints >= limit', test: kept('a_limit_of_constraints_holds_for_what_is_built_and_for_what_is_found') },
  'integration-secret': { file: INTEGRATION, from: 'dir.join(DRAWN_SECRET).exists()', to: 'false', test: 'storage artifacts::native_artifacts_are_never_evicted' },
  'integration-find-backend': {
    file: INTEGRATION, from: 'found.backend == ours', within: 'found.backend == ours && found.model_id() == model_id', to: 'true',
    test: pipeline('stored_artifacts::artifacts_that_contradict_themselves_are_not_found'),
  },
  'integration-find-model': { file: INTEGRATION, from: 'found.model_id() == model_id', to: 'true', test: kept('backends_share_a_cache_and_find_their_own') },
  'integration-find-damaged': {
    file: INTEGRATION, from: '!dir.exists()', to: 'true', test: pipeline('stored_artifacts::artifacts_that_contradict_themselves_are_not_found'),
  },
  'integration-find-evicted': {
    file: INTEGRATION, from: '!dir.exists()', to: 'false',
    equivalent: 'but for a race: another process evicts the directory between two lines, and its absence is then an error instead of "unknown"',
  },
  'integration-aside': { file: INTEGRATION, from: '!path.exists()', to: 'true', test: 'native_backend artifacts::concurrent_callers_build_once_and_damage_is_rebuilt' },
  'integration-aside-kept': { file: INTEGRATION, from: 'fs::rename(dir, &aside)', to: 'fs::remove_dir_all(dir)', test: 'cli boundary::boundary_artifacts_that_contradict_themselves_are_bad_input_and_stay' },
  'integration-lock': {
    file: INTEGRATION, from: 'self.cache.lock(&format!("artifacts-{key}"))?', to: 'self.cache.lock(&format!("{:?}", std::thread::current().id()))?',
    test: 'native_backend artifacts::concurrent_callers_build_once_and_damage_is_rebuilt',
  },
  'integration-key-backend': {
    file: INTEGRATION, from: 'format!("{RECIPE} {} {} {} {adapters:?}", capabilities.backend, capabilities.version, model.hash())', to: 'model.hash()',
    test: kept('backends_share_a_cache_and_find_their_own'),
  },
  'integration-key-model': {
    file: INTEGRATION, from: 'model.hash()', within: 'capabilities.version, model.hash())', to: 'String::new()',
    test: verification('native::another_models_key_is_named'),
  },
  'integration-key-recipe': { file: INTEGRATION, from: '!recipe.is_empty()', to: 'false', test: 'native_backend artifacts::other_samples_are_other_artifacts' },
  'integration-code': {
    file: INTEGRATION, from: "ArtifactsError::expect(\n            &dir.join(VERIFIER_JSON),\n            \"the hash of its code\",\n            code_hash,\n            artifacts.identity().model_code_hash,\n        )?", to: '()',
    test: pipeline('stored_artifacts::artifacts_that_contradict_themselves_are_not_found'),
  },
  'integration-check': { file: INTEGRATION, from: 'backend.check(&artifacts)?', to: 'SrsKind::Test', test: pipeline('boundary::native::boundary_files_of_another_circuit_are_no_artifacts_of_this_model') },
  'integration-code-hash': { file: INTEGRATION, from: 'alloy::primitives::keccak256(&file.runtime_code) != file.code_hash', to: 'false', test: pipeline('stored_artifacts::artifacts_that_contradict_themselves_are_not_found') },
  'integration-operators': { file: INTEGRATION, from: '!operators.is_empty()', to: 'false', test: pipeline('test_integration::native::unsupported_operators_are_all_named') },
  'limits-accelerator': { file: LIMITS, from: 'name.eq_ignore_ascii_case(asked)', to: 'true', test: pipeline('test_integration::native::an_absent_accelerator_is_a_typed_error') },
  'limits-srs': { file: LIMITS, from: 'File::open(path).and_then(|file| file.metadata()).map(drop).map_err(missing)', to: 'Ok(())', test: pipeline('test_integration::native::a_missing_srs_is_a_typed_error_at_start') },
  'info-operators': { file: INFO, from: '!known.contains(name)', to: 'false', test: pipeline('test_integration::native::unsupported_operators_are_all_named') },
  'info-constraints': { file: INFO, from: '(1..=self.max_constraints).contains(&self.constraints)', to: 'true', test: lib('integration::info::tests::a_circuit_has_inputs_outputs_and_no_more_constraints_than_the_backend_takes') },
  'info-inputs': { file: INFO, from: '!self.inputs.is_empty()', to: 'true', test: lib('integration::info::tests::a_circuit_has_inputs_outputs_and_no_more_constraints_than_the_backend_takes') },
  'info-outputs': { file: INFO, from: '!self.outputs.is_empty()', to: 'true', test: lib('integration::info::tests::a_circuit_has_inputs_outputs_and_no_more_constraints_than_the_backend_takes') },
  'metered-check': { file: METERED, from: 'self.inner.check(artifacts)', to: 'Ok(SrsKind::Test)', test: pipeline('boundary::native::boundary_what_contradicts_itself_is_kept_and_built_again') },

  // A store.
  'remote-public': { file: REMOTE, from: 'contents == Contents::Everything || PUBLIC.contains(&name.as_str())', to: 'true', test: pipeline('boundary::native::boundary_what_is_stored_for_verifying_is_no_function_of_the_weights') },
  'remote-everything': { file: REMOTE, from: 'contents == Contents::Everything || PUBLIC.contains(&name.as_str())', to: 'PUBLIC.contains(&name.as_str())', test: 'storage artifacts::retrieved_artifacts_are_bounded_and_those_in_use_stay' },
  'remote-index-size': { file: REMOTE, from: 'stored.address.size() > MAX_INDEX_BYTES', to: 'false', test: INDEX },
  'remote-format': { file: REMOTE, from: 'index.format != FORMAT', to: 'false', test: INDEX },
  'remote-version': { file: REMOTE, from: 'index.version != VERSION', to: 'false', test: INDEX },
  'remote-files': { file: REMOTE, from: 'index.files.len() > MAX_FILES', to: 'false', test: INDEX },
  'remote-model-of-index': { file: REMOTE, from: 'fetched.artifacts.model_id() != index.model_id', to: 'false', test: INDEX },
  'remote-model-as-stored': { file: REMOTE, from: 'index.model_id != stored.model_id', to: 'false', test: INDEX },
  'remote-whole': { file: REMOTE, from: 'self.open(&dir).is_err()', to: 'true', test: kept('what_was_retrieved_and_changed_is_moved_aside') },
  'remote-damaged': { file: REMOTE, from: 'self.give_up(&dir, &name)?', to: 'fs::remove_dir_all(&dir).map_err(|source| io(&dir, source))?', test: kept('what_was_retrieved_and_changed_is_moved_aside') },
  'remote-cut-down': { file: REMOTE, from: 'self.cut_down("retrieved", |_| false)', to: '()', test: 'storage artifacts::retrieved_artifacts_are_bounded_and_those_in_use_stay' },
  'remote-name-empty': { file: REMOTE, from: 'name.is_empty()', to: 'false', test: NAMES },
  'remote-name-path': { file: REMOTE, from: "name.contains(['/', '\\\\', '\\0'])", to: 'false', test: NAMES },
  'remote-name-dot': { file: REMOTE, from: 'name == "."', to: 'false', test: NAMES },
  'remote-name-up': { file: REMOTE, from: 'name == ".."', to: 'false', test: NAMES },
  'remote-private': {
    file: REMOTE, from: 'private(&path)', to: 'Ok::<(), std::io::Error>(())',
    equivalent: 'both stores of this release write through temporary files, which are their owner\'s alone; no other store has to',
  },
};
