use super::*;
use proptest::prelude::*;

const MODEL: &str = "0x1111111111111111111111111111111111111111111111111111111111111111";
const JOB: &str = "0x2222222222222222222222222222222222222222222222222222222222222222";

/// One line for one thing, so that a change has a line of its own.
const WHOLE: &str = r#"version = 1
[chain]
id = 31337
endpoints = ["http://127.0.0.1:8545", "https://user:hunter2@node.example/v3/topsecret", "http://127.0.0.1:8547"]
quorum = 2
confirmations = 3
[contracts]
proof_registry = "0x0000000000000000000000000000000000000001"
claim_registry = "0x0000000000000000000000000000000000000002"
[fees]
max_fee = "50"
max_cost = "0.02"
answer_max_fee = "500"
[budget]
per_day = "0.5"
reserve = "0.05"
alarm_below = "0.2"
[content]
stores = ["local"]
[default]
assurance = "verified"
grouping = "native-batch"
ceiling = "0.001"
latency = "15m"
deadline = "1h"
[default.batch]
size = 64
age = "5m"
send_below = "2"
hold_above = "40"
[[rule]]
model = "0x1111111111111111111111111111111111111111111111111111111111111111"
assurance = "optimistic"
grouping = "merkle-batch"
[[rule]]
job = "0x2222222222222222222222222222222222222222222222222222222222222222"
grouping = "single"
latency = "1m"
"#;

fn changed(from: &str, to: &str) -> String {
    assert!(WHOLE.contains(from), "{from}");
    WHOLE.replacen(from, to, 1)
}

fn id(text: &str) -> B256 {
    text.parse().unwrap()
}

#[test]
fn a_policy_is_read_and_the_most_special_rule_counts() {
    let policy = Policy::parse(WHOLE).unwrap();
    assert_eq!((policy.chain.quorum, policy.chain.confirmations, policy.chain.finality), (2, 3, Finality::Tag));
    assert_eq!(policy.fees.max_fee, Some(50_000_000_000));
    assert_eq!(policy.fees.replace_after, DEFAULT_REPLACE_AFTER);
    let (model, job, other) = (id(MODEL), id(JOB), B256::ZERO);
    let of = |model, job| *policy.treatment(model, job).unwrap();
    let batch = BatchPolicy { size: 64, age: 300, send_below: Some(2_000_000_000), hold_above: Some(40_000_000_000) };
    let default = of(other, other);
    assert_eq!(
        (default.assurance, default.grouping, default.batch),
        (Assurance::Verified, Grouping::NativeBatch, Some(batch))
    );
    let of_model = of(model, other);
    assert_eq!((of_model.assurance, of_model.grouping), (Assurance::Optimistic, Grouping::MerkleBatch));
    assert_eq!((of_model.batch, of_model.latency), (Some(batch), Some(900)));
    // A job is more special than a model; what goes alone has no batch of the default's.
    for model in [model, other] {
        let of_job = of(model, job);
        assert_eq!((of_job.assurance, of_job.grouping, of_job.batch), (Assurance::Verified, Grouping::Single, None));
        assert_eq!(of_job.latency, Some(60));
    }
    let both = format!(
        "{WHOLE}[[rule]]\nmodel = \"{MODEL}\"\njob = \"{JOB}\"\nassurance = \"attested\"\ngrouping = \"single\"\n"
    );
    let policy = Policy::parse(&both).unwrap();
    assert_eq!(policy.treatment(model, job).unwrap().assurance, Assurance::Attested);
    assert_eq!(policy.treatments().count(), 4);

    let without_default =
        format!("{}[[rule]]{}", WHOLE.split("[default]").next().unwrap(), WHOLE.split("[[rule]]").nth(1).unwrap());
    let without_default = format!("{without_default}batch = {{ size = 2, age = 5 }}\n");
    let policy = Policy::parse(&without_default).unwrap();
    assert!(policy.treatment(other, other).is_none() && policy.treatment(model, other).is_some());
}

/// The example of the module is one that is taken, with real addresses.
#[test]
fn the_documented_example_is_a_policy() {
    let source = include_str!("mod.rs");
    let example = source.split("//! ```toml\n").nth(1).unwrap().split("//! ```").next().unwrap();
    let lines = example.lines().map(|line| line.trim_start_matches("//!").trim());
    let text = lines.collect::<Vec<_>>().join("\n");
    let mut number = 0;
    let parts: Vec<String> = text
        .split('"')
        .map(|part| {
            if part == "0x…" {
                number += 1;
                let width = if number <= 3 { 40 } else { 64 };
                return format!("0x{number:0>width$}");
            }
            part.to_owned()
        })
        .collect();
    let policy = Policy::parse(&parts.join("\"")).unwrap();
    assert_eq!((policy.chain.quorum, policy.treatments().count()), (2, 2));
}

/// What is changed into what, and the two keys that are named, with their lines.
type Contradiction = (&'static str, &'static str, [(&'static str, usize); 2]);

#[test]
fn contradictions_name_both_lines() {
    let cases: &[Contradiction] = &[
        ("quorum = 2", "quorum = 4", [("chain.endpoints", 4), ("chain.quorum", 5)]),
        ("confirmations = 3", "confirmations = 3\nfinality = 2", [("chain.confirmations", 6), ("chain.finality", 7)]),
        ("http://127.0.0.1:8547", "http://127.0.0.1:8545", [("chain.endpoints[0]", 4), ("chain.endpoints[2]", 4)]),
        ("0000000002\"", "0000000001\"", [("contracts.proof_registry", 8), ("contracts.claim_registry", 9)]),
        ("answer_max_fee = \"500\"", "answer_max_fee = \"49\"", [("fees.max_fee", 11), ("fees.answer_max_fee", 13)]),
        ("max_cost = \"0.02\"", "max_cost = \"0.6\"", [("fees.max_cost", 12), ("budget.per_day", 15)]),
        ("alarm_below = \"0.2\"", "alarm_below = \"0.04\"", [("budget.reserve", 16), ("budget.alarm_below", 17)]),
        (
            "stores = [\"local\"]",
            "stores = [\"local\", \"local\"]",
            [("content.stores[0]", 19), ("content.stores[1]", 19)],
        ),
        ("assurance = \"verified\"", "assurance = \"attested\"", [("default.assurance", 21), ("default.grouping", 22)]),
        (
            "assurance = \"verified\"",
            "assurance = \"optimistic\"",
            [("default.assurance", 21), ("default.grouping", 22)],
        ),
        ("\"native-batch\"", "\"merkle-batch\"", [("default.assurance", 21), ("default.grouping", 22)]),
        ("\"native-batch\"", "\"single\"", [("default.grouping", 22), ("default.batch", 26)]),
        ("ceiling = \"0.001\"", "ceiling = \"0.03\"", [("fees.max_cost", 12), ("default.ceiling", 23)]),
        ("latency = \"15m\"", "latency = \"4m\"", [("default.latency", 24), ("default.batch.age", 28)]),
        ("latency = \"15m\"", "latency = \"2h\"", [("default.latency", 24), ("default.deadline", 25)]),
        ("deadline = \"1h\"", "deadline = \"2m\"", [("default.deadline", 25), ("default.batch.age", 28)]),
        (
            "send_below = \"2\"",
            "send_below = \"41\"",
            [("default.batch.send_below", 29), ("default.batch.hold_above", 30)],
        ),
        ("hold_above = \"40\"", "hold_above = \"51\"", [("fees.max_fee", 11), ("default.batch.hold_above", 30)]),
        (
            "job = \"0x2222222222222222222222222222222222222222222222222222222222222222\"",
            "model = \"0x1111111111111111111111111111111111111111111111111111111111111111\"",
            [("rule[0]", 31), ("rule[1]", 35)],
        ),
        // A rule against the default: the places are those of the two tables.
        ("grouping = \"merkle-batch\"", "", [("default.grouping", 22), ("rule[0].assurance", 33)]),
        ("latency = \"1m\"", "latency = \"3h\"", [("default.deadline", 25), ("rule[1].latency", 38)]),
        ("latency = \"1m\"", "batch = { size = 2, age = 1 }", [("rule[1].grouping", 37), ("rule[1].batch", 38)]),
    ];
    for (from, to, places) in cases {
        let error = Policy::parse(&changed(from, to)).unwrap_err();
        let PolicyError::Contradiction { first, second, .. } = &error else { panic!("{to}: {error}") };
        let found = [(first.key.as_str(), first.line), (second.key.as_str(), second.line)];
        assert_eq!(&found, places, "{to}: {error}");
        for (key, line) in found {
            assert!(error.to_string().contains(&format!("`{key}` (line {line})")), "{error}");
        }
    }
}

#[test]
fn what_something_else_needs_is_asked_for() {
    let without = |line: &str| changed(line, "");
    for (text, key, because) in [
        (without("claim_registry = \"0x0000000000000000000000000000000000000002\""), "contracts.claim_registry", 33),
        (without("proof_registry = \"0x0000000000000000000000000000000000000001\""), "contracts.proof_registry", 22),
        (without("stores = [\"local\"]"), "content.stores", 34),
        (without("assurance = \"verified\""), "default.assurance", 20),
        (without("grouping = \"native-batch\""), "default.grouping", 26),
        (without("size = 64"), "batch.size", 22),
        (without("age = \"5m\""), "batch.age", 22),
        (changed("deadline = \"1h\"", "").replacen("latency = \"15m\"", "latency = \"2h\"", 1), "deadline", 24),
    ] {
        let error = Policy::parse(&text).unwrap_err();
        let PolicyError::Missing { key: found, because: place, .. } = &error else { panic!("{key}: {error}") };
        assert_eq!((found.as_str(), place.line), (key, because), "{error}");
    }
}

#[test]
fn values_that_cannot_be_are_refused_with_their_line() {
    for (from, to, line) in [
        ("version = 1", "version = 2", 1),
        ("quorum = 2", "quorum = 0", 5),
        ("confirmations = 3", "confirmations = 0", 6),
        ("confirmations = 3", "finality = \"latest\"", 6),
        ("id = 31337", "id = \"x\"", 3),
        ("max_fee = \"50\"", "max_fee = 0.5", 11),
        ("max_fee = \"50\"", "max_fee = \"-1\"", 11),
        ("max_cost = \"0.02\"", "max_cost = \"a lot\"", 12),
        ("\"0x0000000000000000000000000000000000000001\"", "\"0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266\"", 8),
        ("stores = [\"local\"]", "stores = [\"elsewhere\"]", 19),
        ("assurance = \"verified\"", "assurance = \"certain\"", 21),
        ("size = 64", "size = 1", 27),
        ("size = 64", "size = 4097", 27),
        ("age = \"5m\"", "age = \"soon\"", 28),
        ("[budget]", "[budget]\nper_hour = \"1\"", 15),
        ("[budget]", "[budgets]", 14),
        ("[budget]", "[budget", 14),
    ] {
        let error = Policy::parse(&changed(from, to)).unwrap_err();
        let found = match &error {
            PolicyError::Value { place, .. } => Some(place.line),
            PolicyError::Malformed { line, .. } => *line,
            other => panic!("{to}: {other}"),
        };
        assert_eq!(found, Some(line), "{to}: {error}");
    }
    let nothing = WHOLE.split("[default]").next().unwrap();
    assert!(Policy::parse(nothing).unwrap_err().to_string().contains("[default]"));
    let nobody = format!("{WHOLE}[[rule]]\nassurance = \"verified\"\n");
    assert!(Policy::parse(&nobody).unwrap_err().to_string().contains("`rule[2]` (line 39)"));
}

/// Endpoints hold access keys: no error and no debug output repeats one.
#[test]
fn what_may_be_a_secret_is_not_repeated() {
    let policy = Policy::parse(WHOLE).unwrap();
    let shown = format!("{policy:?} {}", policy.chain.endpoints[1]);
    assert!(
        shown.contains("https://node.example") && !shown.contains("hunter2") && !shown.contains("topsecret"),
        "{shown}"
    );
    assert!(policy.chain.endpoints[1].secret_url().contains("topsecret"));
    for (from, to) in [
        ("quorum = 2", "quorum = \"https://user:hunter2@x/topsecret\""),
        ("quorum = 2", "quorum = 9"),
        ("\"http://127.0.0.1:8547\"", "\"ftp://user:hunter2@x/topsecret\""),
        ("\"http://127.0.0.1:8547\"", "\"https://user:hunter2@node.example/v3/topsecret\""),
        ("stores = [\"local\"]", "stores = [\"ws://hunter2@x/topsecret\"]"),
        ("confirmations = 3", "confirmations = \"topsecret hunter2\""),
        ("endpoints = [", "endpoints = [\"https://hunter2/topsecret\" "),
    ] {
        let error = Policy::parse(&changed(from, to)).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("topsecret"), "{shown}");
    }
}

proptest! {
    /// Whatever is in the file, the answer is a policy or a sentence.
    #[test]
    fn no_text_is_more_than_refused(text in ".{0,200}", at in 0_usize..WHOLE.len(), cut in 0_usize..40) {
        let _ = Policy::parse(&text);
        let bytes = WHOLE.as_bytes();
        let mut torn = bytes[..at].to_vec();
        torn.extend_from_slice(text.as_bytes());
        torn.extend_from_slice(&bytes[(at + cut).min(bytes.len())..]);
        let _ = Policy::parse(&String::from_utf8_lossy(&torn));
    }

    /// A policy that is taken keeps the orders that contradictions are about.
    #[test]
    fn what_is_taken_can_be_followed(
        (age, latency, deadline) in (1_u64..10_000, 1_u64..10_000, 1_u64..10_000),
        (send, hold, most) in (1_u64..100, 1_u64..100, 1_u64..100),
        (cost, day, ceiling) in (1_u64..100, 1_u64..100, 1_u64..100),
        assurance in 0_usize..3,
        grouping in 0_usize..3,
    ) {
        let text = WHOLE
            .replacen("age = \"5m\"", &format!("age = {age}"), 1)
            .replacen("latency = \"15m\"", &format!("latency = {latency}"), 1)
            .replacen("deadline = \"1h\"", &format!("deadline = {deadline}"), 1)
            .replacen("send_below = \"2\"", &format!("send_below = {send}"), 1)
            .replacen("hold_above = \"40\"", &format!("hold_above = {hold}"), 1)
            .replacen("max_fee = \"50\"", &format!("max_fee = {most}"), 1)
            .replacen("max_cost = \"0.02\"", &format!("max_cost = {cost}"), 1)
            .replacen("per_day = \"0.5\"", &format!("per_day = {day}"), 1)
            .replacen("ceiling = \"0.001\"", &format!("ceiling = {ceiling}"), 1)
            .replacen("\"verified\"", ["\"verified\"", "\"optimistic\"", "\"attested\""][assurance], 1)
            .replacen("\"native-batch\"", ["\"native-batch\"", "\"merkle-batch\"", "\"single\""][grouping], 1);
        match Policy::parse(&text) {
            Ok(policy) => {
                for treatment in policy.treatments() {
                    prop_assert!(treatment.latency.unwrap() <= treatment.deadline);
                    prop_assert!(treatment.ceiling <= policy.fees.max_cost && policy.fees.max_cost <= policy.budget.per_day);
                    let Some(batch) = treatment.batch else {
                        prop_assert_eq!(treatment.grouping, Grouping::Single);
                        continue;
                    };
                    prop_assert!(batch.age <= treatment.latency.unwrap());
                    prop_assert!(batch.send_below <= batch.hold_above && batch.hold_above <= policy.fees.max_fee);
                    let is_right = matches!(
                        (treatment.assurance, treatment.grouping),
                        (Assurance::Verified, Grouping::NativeBatch) | (Assurance::Optimistic, Grouping::MerkleBatch)
                    );
                    prop_assert!(is_right);
                }
            }
            Err(error) => {
                let is_contradiction = matches!(error, PolicyError::Contradiction { .. } | PolicyError::Missing { .. });
                prop_assert!(is_contradiction, "{}", error);
            }
        }
    }
}
