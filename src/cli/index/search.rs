use super::{notes, open, time};
use crate::cli::{Backend, Failure, Outcome, context::Session, report};
use alloy::primitives::{Address, B256};
use serde_json::{Value, json};
use std::path::PathBuf;
use zkinfer::{
    index::{Assurance, Cursor, Embedding, Filter, Found, Index, MAX_PAGE, Page, Query, Status},
    proof::Context,
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer search                                           the latest
  zkinfer search --text 'chest xray' --since 7d            words of metadata and labels
  zkinfer search --model-id 0x… --job 0x… --status recorded --json
  zkinfer search --near embedding.json --label 'dense_2:7' --limit 5
  zkinfer search --near-statement 0x… --meta ward=7

Every bundle that `prove` and `batch` write, and every claim that `submit` makes or `audit` finds valid, is entered by itself
(--no-index and ZKINFER_INDEX=off turn that off). All conditions have to hold. Latest first, or nearest first with --near; `next`
in the answer is for --after.

What is found is a pointer and proves nothing: run `zkinfer verify` on the bundle, `zkinfer audit` on the transaction.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Words that all have to be in the metadata or the labels; `begin*` stands for words that begin so.
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,

    /// Nearest to the embedding in this file first: a JSON list of numbers.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["near_statement", "after"])]
    near: Option<PathBuf>,

    /// Nearest to the embedding of this statement first.
    #[arg(long, value_name = "ID", conflicts_with = "after")]
    near_statement: Option<B256>,

    /// Which embeddings are compared.
    #[arg(long, value_name = "NAME", default_value = Embedding::DEFAULT_SPACE)]
    space: String,

    /// This statement.
    #[arg(long, value_name = "ID")]
    statement: Option<B256>,

    /// Of this model.
    #[arg(long, value_name = "ID")]
    model_id: Option<B256>,

    /// Made for this job.
    #[arg(long, value_name = "BYTES32")]
    job: Option<B256>,

    /// To be submitted by this account.
    #[arg(long, value_name = "ADDRESS")]
    submitter: Option<Address>,

    /// Made for this contract.
    #[arg(long, value_name = "ADDRESS")]
    consumer: Option<Address>,

    /// Made for this chain.
    #[arg(long, value_name = "ID")]
    chain_id: Option<u64>,

    /// Made for this registry.
    #[arg(long, value_name = "ADDRESS")]
    registry: Option<Address>,

    /// Claimed in this transaction.
    #[arg(long, value_name = "HASH")]
    transaction: Option<B256>,

    /// Made since then: 2026-11-27, Unix time in seconds, or so long ago, such as 24h.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// Made before then.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,

    /// As far as this.
    #[arg(long, value_enum)]
    status: Option<StatusArg>,

    /// Recorded with this assurance.
    #[arg(long, value_enum)]
    assurance: Option<AssuranceArg>,

    /// Proven by this backend.
    #[arg(long, value_enum)]
    backend: Option<Backend>,

    /// With a proof of at most so many bytes.
    #[arg(long, value_name = "BYTES")]
    max_proof_bytes: Option<u64>,

    /// With this pair of metadata; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    meta: Vec<String>,

    /// With this label; may be given several times.
    #[arg(long, value_name = "TEXT")]
    label: Vec<String>,

    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=MAX_PAGE as i64))]
    limit: u16,

    /// Go on where an earlier answer ended.
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,

    /// The directory of the index, or the address of its server (postgres://…) [default: $ZKINFER_INDEX, else in the cache
    /// directory].
    #[arg(long, value_name = "DIR|URL")]
    index: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum StatusArg {
    /// There is a proof, and no claim was seen.
    Proven,
    /// A registry recorded a claim.
    Recorded,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum AssuranceArg {
    /// Only a hash is on the chain.
    Attested,
    /// Bonded, and open to challenge.
    Optimistic,
    /// The verifier contract accepted the proof.
    Verified,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    let index = open(args.index.as_deref())?;
    let index = index.index();
    let query = args.query(index)?;
    let page = index.search(&query)?;
    let found: Vec<Value> = page.found.iter().map(object).collect();
    let object = json!({ "found": found, "next": page.next.map(|next| next.to_string()), "verified": false });
    report::result(session, &object, &text(&page));
    Ok(Outcome::True)
}

impl Args {
    fn query(&self, index: &dyn Index) -> Result<Query, Failure> {
        let now = time::now_ms();
        let ms = |text: &Option<String>| text.as_ref().map(|text| time::parse(text, now)).transpose();
        let pair = |pair: &String| {
            let parts = pair.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
            parts.ok_or_else(|| Failure::Input(format!("--meta takes KEY=VALUE, not `{pair}`")))
        };
        let filter = Filter {
            statement: self.statement,
            model: self.model_id,
            job: self.job,
            submitter: self.submitter,
            consumer: self.consumer,
            chain: self.chain_id,
            registry: self.registry,
            transaction: self.transaction,
            since_ms: ms(&self.since)?,
            until_ms: ms(&self.until)?,
            status: self.status.map(|status| match status {
                StatusArg::Proven => Status::Proven,
                StatusArg::Recorded => Status::Recorded,
            }),
            assurance: self.assurance.map(|assurance| match assurance {
                AssuranceArg::Attested => Assurance::Attested,
                AssuranceArg::Optimistic => Assurance::Optimistic,
                AssuranceArg::Verified => Assurance::Verified,
            }),
            backend: self.backend.map(Into::into),
            max_proof_bytes: self.max_proof_bytes,
            metadata: self.meta.iter().map(pair).collect::<Result<_, _>>()?,
            labels: self.label.clone(),
            ..Filter::default()
        };
        let nearest = match (&self.near, self.near_statement) {
            (Some(path), _) => Some(notes::read_embedding(path, &self.space)?),
            (None, Some(statement)) => Some(self.embedding_of(index, statement)?),
            (None, None) => None,
        };
        let after = self.after.as_deref().map(str::parse::<Cursor>).transpose()?;
        Ok(Query { filter, text: self.text.clone(), nearest, limit: self.limit.into(), after })
    }

    fn embedding_of(&self, index: &dyn Index, statement: B256) -> Result<Embedding, Failure> {
        let page = index.search(&Query::latest(Filter { statement: Some(statement), ..Filter::default() }, 1))?;
        let embeddings = page.found.first().map(|found| found.entry().note.embeddings()).unwrap_or_default();
        let wanted = embeddings.iter().find(|embedding| embedding.space() == self.space);
        let missing = || {
            Failure::Input(format!("the index has no embedding of statement {statement} in the space `{}`", self.space))
        };
        wanted.cloned().ok_or_else(missing)
    }
}

/// All that is known but the embeddings, of which only the spaces are named.
fn object(found: &Found) -> Value {
    let entry = found.entry();
    let held = entry.held.iter().map(|(address, held)| {
        let mut object = json!(held);
        object["address"] = json!(address);
        object
    });
    let metadata: Vec<Value> = entry.note.metadata().map(|(key, value)| json!([key, value])).collect();
    json!({
        "statement_id": entry.statement_id,
        "model_id": entry.model_id,
        "context": entry.context,
        "created_at_ms": entry.created_at_ms,
        "status": entry.status(),
        "hides_inputs": entry.hides_inputs,
        "held": held.collect::<Vec<_>>(),
        "claim": entry.claim,
        "metadata": metadata,
        "labels": entry.note.labels().collect::<Vec<_>>(),
        "embeddings": entry.note.embeddings().iter().map(Embedding::space).collect::<Vec<_>>(),
        "similarity": found.similarity(),
    })
}

fn text(page: &Page) -> String {
    if page.found.is_empty() {
        return "Nothing was found.\n".into();
    }
    let mut lines: Vec<[String; 6]> =
        vec![["time (UTC)", "status", "model", "job", "near", "statement, labels, place"].map(Into::into)];
    for found in &page.found {
        let entry = found.entry();
        let job = match &entry.context {
            Context::Chain { assignment, .. } => short(assignment.job),
            Context::Offchain {} => "-".into(),
        };
        let mut last = vec![entry.statement_id.to_string()];
        last.extend(entry.note.labels().map(Into::into));
        last.extend(
            entry.held.iter().map(|(address, held)| held.location.clone().unwrap_or_else(|| address.to_string())),
        );
        last.extend(entry.claim.iter().map(|claim| format!("tx {}", claim.transaction)));
        let near = found.similarity().map_or_else(|| "-".into(), |similarity| format!("{similarity:.4}"));
        let status = format!("{:?}", entry.status()).to_lowercase();
        lines.push([time::show(entry.created_at_ms), status, short(entry.model_id), job, near, last.join("  ")]);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let row = |line: &[String; 6]| {
        let cells: Vec<String> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    let next = page.next.map(|next| format!("There is more: --after {next}\n")).unwrap_or_default();
    format!(
        "{}{next}Pointers, not evidence: verify the bundle, audit the transaction.\n",
        lines.iter().map(row).collect::<String>()
    )
}

/// The first digits of an id: enough for a person to tell a few apart.
fn short(id: B256) -> String {
    format!("{id:.10}")
}
