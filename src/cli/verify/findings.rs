//! What a verification found, as JSON and as text.

use crate::cli::{form, report};
use serde_json::{Value, json};
use std::path::Path;
use zkinfer::{
    pipeline::verification::{BundleResult, Mode, Source, Status, Verification},
    proof::{Bundle, Structure, Verdict},
};

/// Inner bundles that are shown, besides those that are not valid.
const SHOWN: usize = 16;

/// A verification of a file.
pub(super) struct Findings<'a> {
    path: &'a Path,
    pub(super) structure: &'a Structure,
    pub(super) found: Verification,
    /// Whether the openings open it, if there are any.
    openings: Option<Verdict>,
}

impl<'a> Findings<'a> {
    /// What is not opened is not what it was said to be, whatever is proven of it.
    pub(super) fn new(
        path: &'a Path,
        structure: &'a Structure,
        mut found: Verification,
        openings: Option<Verdict>,
    ) -> Self {
        if let (Status::Valid, Some(Verdict::Invalid { reason })) = (&found.status, &openings) {
            found.status = Status::Invalid { reason: format!("the openings: {reason}") };
        }
        Self { path, structure, found, openings }
    }

    /// Of one bundle, its result is the object's own; of several, `bundles` has them in order.
    pub(super) fn object(&self) -> Value {
        let found = &self.found;
        let (word, reason) = said(&found.status);
        let warnings: Vec<String> = found.warnings.iter().map(ToString::to_string).collect();
        let mut results = found.bundles.iter().map(|result| self.inner(result));
        let mut object = match self.structure {
            Structure::Single(_) => results.next().unwrap_or_default(),
            _ => json!({
                "statement_ids": self.structure.statement_ids(),
                "bundles": results.collect::<Vec<Value>>(),
            }),
        };
        object["file"] = json!(self.path);
        object["verdict"] = json!(word);
        object["reason"] = json!(reason);
        object["structure"] = json!(form::kind(self.structure));
        object["depth"] = json!(found.depth);
        object["root"] = json!(found.root);
        object["mode"] = json!(found.mode);
        object["trust"] = json!(found.trust);
        object["constraints"] = json!(found.constraints);
        object["operations"] = json!(found.operations);
        object["time_ms"] = json!(found.time.as_secs_f64() * 1e3);
        object["warnings"] = json!(warnings);
        if let Some(verdict) = &self.openings {
            object["openings"] = json!(verdict);
        }
        object
    }

    fn inner(&self, result: &BundleResult) -> Value {
        let verdict = result.verdict.as_ref().map_or_else(|| json!({ "verdict": "NOT RUN" }), |found| json!(found));
        let off_chain = match (&result.off_chain, &result.verdict) {
            (Some(verdict), _) => json!(verdict),
            (None, None) => json!({ "verdict": "NOT RUN", "reason": self.missing(result) }),
            (None, Some(_)) => json!({ "verdict": "NOT AVAILABLE", "reason": self.missing(result) }),
        };
        json!({
            "verdict": verdict["verdict"],
            "reason": verdict["reason"],
            "model_id": result.model_id,
            "statement_ids": result.statement_ids,
            "verified_with": source(result),
            "off_chain": off_chain,
            "off_chain_ms": result.off_chain_time.as_secs_f64() * 1e3,
            "embedded_evm": result.embedded_evm,
            "embedded_evm_ms": result.embedded_evm_time.as_secs_f64() * 1e3,
        })
    }

    /// Why the backend's verifier said nothing.
    const fn missing(&self, result: &BundleResult) -> &'static str {
        match (&result.verdict, self.found.mode) {
            (None, _) => "refused before any cryptography",
            (_, Mode::Contracts) => "only the contracts were asked for (--evm)",
            _ => "EZKL's verifier needs EZKL and the model's artifacts: `zkinfer setup ezkl`, then --model FILE",
        }
    }

    pub(super) fn text(&self) -> String {
        let mut rows = match (self.structure, self.found.bundles.as_slice()) {
            (Structure::Single(_), [only]) => self.rows_of(only),
            (_, several) => self.rows_of_several(several),
        };
        rows.insert(0, ("file".to_owned(), self.path.display().to_string()));
        rows.extend(self.openings.iter().map(|verdict| ("openings".to_owned(), worded(verdict))));
        rows.extend(self.found.warnings.iter().map(|warning| ("warning".to_owned(), warning.to_string())));
        let (word, reason) = said(&self.found.status);
        let headline = reason.map_or_else(|| word.into(), |reason| format!("{word}: {reason}"));
        format!("{headline}\n{}", report::rows(&rows))
    }

    fn rows_of(&self, result: &BundleResult) -> Vec<(String, String)> {
        let off_chain = match &result.off_chain {
            Some(verdict) => timed(verdict, result.off_chain_time),
            None => format!("not available: {}", self.missing(result)),
        };
        let mut rows = vec![
            ("model id".to_owned(), result.model_id.to_string()),
            ("statement".to_owned(), report::listed(&result.statement_ids)),
            ("verified with".to_owned(), source(result).to_owned()),
            ("off-chain".to_owned(), off_chain),
        ];
        if let Some(evm) = &result.embedded_evm {
            let text = timed(&evm.verdict, result.embedded_evm_time);
            rows.push(("embedded EVM".into(), format!("{text}, {} gas", evm.gas.transaction)));
        }
        rows
    }

    fn rows_of_several(&self, results: &[BundleResult]) -> Vec<(String, String)> {
        let mut rows = vec![
            (form::kind(self.structure).to_owned(), format!("{} bundles, depth {}", results.len(), self.found.depth)),
            ("statements".to_owned(), report::listed(&self.structure.statement_ids())),
            ("Merkle root".to_owned(), self.found.root.to_string()),
            (
                "checks".to_owned(),
                format!("{} in {}", self.found.operations, report::time(self.found.time.as_secs_f64() * 1e3)),
            ),
        ];
        let mut more = 0;
        for (at, result) in results.iter().enumerate() {
            let text = match &result.verdict {
                None => "not verified".into(),
                Some(Verdict::Invalid { reason }) => format!("INVALID: {reason}"),
                Some(Verdict::Valid) => format!("VALID, with {}", source(result)),
            };
            if at < SHOWN || matches!(result.verdict, Some(Verdict::Invalid { .. })) {
                rows.push((format!("bundle {at}"), format!("{text}; {}", report::listed(&result.statement_ids))));
            } else {
                more += 1;
            }
        }
        if more > 0 {
            rows.push(("bundles".into(), format!("{more} more, of which none is INVALID; --json has all")));
        }
        rows
    }

    /// What whoever looks into a contradiction needs, if there is one. A bundle holds no secret.
    pub(super) fn bug_report(&self) -> Option<String> {
        let results = self.found.bundles.iter().zip(self.structure.bundles()).enumerate();
        let reports: Vec<String> = results
            .filter(|(_, (result, _))| result.is_contradictory())
            .map(|(at, (result, bundle))| report::rows(&contradiction(at, result, bundle)))
            .collect();
        (!reports.is_empty()).then(|| {
            format!(
                "the two verifiers contradict each other, so one of them has a defect: do not rely on this proof.\n\
                 Please report it, with these lines and these files:\n{}  attach: {} (it holds no secret), the output \
                 of `zkinfer doctor --json`, and what was done before",
                reports.concat(),
                self.path.display()
            )
        })
    }
}

fn contradiction(at: usize, result: &BundleResult, bundle: &Bundle) -> Vec<(String, String)> {
    let word = |verdict: Option<&Verdict>| verdict.map_or_else(|| "no answer".to_owned(), worded);
    let manifest = bundle.manifest();
    vec![
        ("zkinfer".into(), env!("CARGO_PKG_VERSION").into()),
        ("bundle".into(), at.to_string()),
        ("backend".into(), format!("{} {}", manifest.backend, manifest.backend_version)),
        ("off-chain".into(), word(result.off_chain.as_ref())),
        ("embedded EVM".into(), word(result.embedded_evm.as_ref().map(|evm| &evm.verdict))),
        ("verified with".into(), source(result).into()),
        ("model id".into(), result.model_id.to_string()),
        ("adapter id".into(), manifest.adapter_id.to_string()),
        ("statement".into(), report::listed(&result.statement_ids)),
        ("proof".into(), format!("{} bytes, SHA-256 {}", bundle.proof().len(), manifest.proof_hash)),
    ]
}

const fn source(result: &BundleResult) -> &'static str {
    match result.source {
        Source::Artifacts => "artifacts",
        Source::Carried => "the bundle's code",
    }
}

fn said(status: &Status) -> (&'static str, Option<&str>) {
    match status {
        Status::Valid => ("VALID", None),
        Status::Invalid { reason } => ("INVALID", Some(reason)),
        Status::Expired { reason } => ("EXPIRED", Some(reason)),
        Status::Pending => ("PENDING", None),
    }
}

fn worded(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Valid => "VALID".into(),
        Verdict::Invalid { reason } => format!("INVALID: {reason}"),
    }
}

fn timed(verdict: &Verdict, time: std::time::Duration) -> String {
    let word = if verdict.is_valid() { "VALID" } else { "INVALID" };
    format!("{word} in {}", report::time(time.as_secs_f64() * 1e3))
}
