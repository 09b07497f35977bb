//! Many statements under one root.

use super::place::{PlaceArgs, done, moment};
use crate::cli::{Failure, Outcome, assignment::AssignmentArgs, context::Session, entry, form, report};
use alloy::primitives::{B256, Bytes, U256, keccak256};
use serde_json::json;
use std::path::{Path, PathBuf};
use zkinfer::{
    chain::{
        Client, Outbox,
        claims::{ClaimBatch, Claims, LeafClaim, Stage},
        money,
    },
    proof::{Bundle, Context, Statement, Structure},
    storage::{ContentAddress, check_writable, write_atomic},
};

/// 4096 jobs, a line each.
const MAX_JOBS_BYTES: u64 = 4096 * 80;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Bundles, or lists, chains and trees of them: their statements are the leaves, in this order.
    #[arg(required = true, value_name = "BUNDLE")]
    bundles: Vec<PathBuf>,

    #[command(flatten)]
    assignment: AssignmentArgs,

    /// A job for every leaf: 32 bytes of hex a line.
    #[arg(long, value_name = "FILE", conflicts_with = "job")]
    jobs: Option<PathBuf>,

    /// Where the leaves are written.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,

    #[command(flatten)]
    place: PlaceArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    let (model_id, leaves) = args.leaves()?;
    check_writable(&args.out)?;
    let (registry, outbox) = (args.place.registry()?, Outbox::from_env()?);
    let runtime = session.runtime()?;
    runtime.block_on(async {
        let client = args.place.client(session).await?;
        let claims = Claims::open(&client, &outbox, registry).await?;
        let batch = args.batch(model_id, leaves, &claims, &client, &outbox).await?;
        let json = batch.to_json();
        write_atomic(&args.out, &json)?;
        session.control().stage("claim the batch");
        let content = B256::from(*ContentAddress::of(&json).blake3());
        let did = claims.post_batch(&batch, content).await?;
        let (id, of) = (batch.id(registry), batch.batch());
        let record = claims.registry().batch(id).await?;
        let bond = claims.registry().terms.bond.saturating_mul(U256::from(of.count));
        let closes_at: u64 = record.closesAt.to();
        let stage = Stage::from(record.stage);
        let mut object = json!({
            "batch_id": id,
            "model_id": model_id,
            "claim_registry": registry,
            "root": of.root,
            "count": of.count,
            "deadline": of.deadline,
            "content_hash": content,
            "leaves": args.out,
            "statement_ids": batch.statement_ids(),
            "stage": stage,
            "bond": bond,
            "challengeable_until": closes_at,
        });
        let mut rows = vec![
            ("batch".to_owned(), id.to_string()),
            ("model id".into(), model_id.to_string()),
            ("leaves".into(), format!("{}, in {}", of.count, args.out.display())),
            ("stage".into(), stage.to_string()),
            ("challengeable".into(), format!("until {}", moment(closes_at))),
            ("bond".into(), money::amount(bond, client.node().chain_id())),
        ];
        done(&did, &mut object, &mut rows);
        let how = if did.done_before { "Claimed before; nothing was sent" } else { "Claimed" };
        report::result(session, &object, &format!("{how}\n{}", report::rows(&rows)));
        Ok(Outcome::True)
    })
}

impl Args {
    /// What the leaves state: the model, and the job and the values of each.
    fn leaves(&self) -> Result<(B256, Vec<LeafClaim>), Failure> {
        let files: Vec<Structure> = self.bundles.iter().map(|path| form::read(path)).collect::<Result<_, _>>()?;
        let bundles: Vec<&Bundle> = files.iter().flat_map(Structure::bundles).collect();
        for bundle in &bundles {
            entry::refuse_mock(bundle)?;
        }
        let statements: Vec<&Statement> = bundles.iter().flat_map(|bundle| bundle.statements()).collect();
        let Some(first) = statements.first() else {
            return Err(Failure::Input("there are no statements in these files".into()));
        };
        if let Some(other) = statements.iter().find(|statement| statement.model_id != first.model_id) {
            let (one, two) = (first.model_id, other.model_id);
            return Err(Failure::Input(format!("a batch is about one model, and these are about {one} and {two}")));
        }
        if statements.iter().any(|statement| matches!(statement.context, Context::Chain { .. })) {
            return Err(Failure::Input(
                "a bundle is made for a registry already, and its job, consumer and deadline would be others in the batch: \
                 give bundles that are made for no chain"
                    .into(),
            ));
        }
        let jobs = match &self.jobs {
            Some(path) => read_jobs(path, statements.len())?,
            None => vec![self.assignment.job.unwrap_or_default(); statements.len()],
        };
        let values = |statement: &Statement| -> Bytes { statement.public_values.as_bytes().clone() };
        let leaf = |(job, statement): (B256, &&Statement)| LeafClaim { job, public_values: values(statement) };
        Ok((first.model_id, jobs.into_iter().zip(&statements).map(leaf).collect()))
    }

    /// The batch: the same as last time, unless that one is over without having been posted.
    async fn batch(
        &self,
        model_id: B256,
        leaves: Vec<LeafClaim>,
        claims: &Claims<'_>,
        client: &Client,
        outbox: &Outbox,
    ) -> Result<ClaimBatch, Failure> {
        let (of, me, chain_id) = (&self.assignment, client.address(), client.node().chain_id());
        let registry = claims.registry();
        let make = |deadline| {
            let (assignment, leaves) = (of.assignment(me, deadline), leaves.clone());
            let made = ClaimBatch::new(chain_id, registry.proofs, model_id, &assignment, leaves);
            made.map_err(|error| Failure::Input(error.to_string()))
        };
        // A batch without a deadline is everything but that.
        let wish = keccak256([b"zkinfer/outbox/claim/v1", make(0)?.id(registry.address).as_slice()].concat());
        let now = client.node().latest_timestamp().await?;
        let kept = outbox.deadline_of(chain_id, wish)?;
        if let Some(deadline) = kept.filter(|_| !of.again) {
            let batch = make(deadline)?;
            if Stage::from(registry.batch(batch.id(registry.address)).await?.stage) != Stage::None {
                return Ok(batch);
            }
            if deadline >= now {
                of.admit_kept(deadline, now)?;
                return Ok(batch);
            }
        }
        let deadline = kept.map_or(0, |kept| kept.saturating_add(1)).max(of.deadline(now));
        outbox.fix_deadline(chain_id, wish, deadline)?;
        make(deadline)
    }
}

fn read_jobs(path: &Path, count: usize) -> Result<Vec<B256>, Failure> {
    use std::io::Read;
    let shown = path.display();
    let cannot = |error: std::io::Error| Failure::Input(format!("cannot read {shown}: {error}"));
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(MAX_JOBS_BYTES).read_to_string(&mut text).map_err(cannot)?;
    let read = |(at, line): (usize, &str)| {
        line.trim()
            .parse()
            .map_err(|_| Failure::Input(format!("{shown}, line {}: a job is 0x and 64 hex digits", at + 1)))
    };
    let jobs: Vec<B256> = text.lines().enumerate().map(read).collect::<Result<_, _>>()?;
    if jobs.len() != count {
        return Err(Failure::Input(format!("{shown} has {} jobs for {count} leaves: a line each", jobs.len())));
    }
    Ok(jobs)
}
