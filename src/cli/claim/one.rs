//! One statement: attested, bonded, or verified.

use super::place::{PlaceArgs, done, moment, span};
use crate::cli::{
    Failure, Outcome, again,
    assignment::AssignmentArgs,
    context::Session,
    entry, form,
    index::{Entering, IndexArgs},
    report,
};
use alloy::primitives::{B256, keccak256};
use serde_json::json;
use std::path::PathBuf;
use zkinfer::{
    chain::{
        Client, Outbox,
        claims::{Claims, Done, Stage},
        money,
        outbox::request_id,
    },
    index::{self, Assurance, NoteFile},
    proof::{Assignment, Bundle, Context, Statement},
    storage::{ContentAddress, check_writable, write_atomic},
};

/// What a claim costs, and what it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Price {
    Attested,
    Optimistic,
    Verified,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bundle that `zkinfer prove` wrote; `-` for standard input.
    bundle: PathBuf,

    #[command(flatten)]
    assignment: AssignmentArgs,

    /// What opens the bundle's hidden tensors, as `zkinfer prove --hide` wrote it: where it is proven again.
    #[arg(long, value_name = "FILE")]
    openings: Option<PathBuf>,

    /// Attested and Verified: also write the bundle that is claimed.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    place: PlaceArgs,

    #[command(flatten)]
    index: IndexArgs,
}

/// Everything that a claim is made with.
struct Making<'a> {
    args: &'a Args,
    price: Price,
    claims: &'a Claims<'a>,
    client: &'a Client,
    outbox: &'a Outbox,
    session: &'a Session,
    now: u64,
}

pub(crate) fn run(args: &Args, price: Price, session: &Session) -> anyhow::Result<Outcome> {
    let bundle = form::read_bundle(&args.bundle)?;
    entry::refuse_mock(&bundle)?;
    if bundle.is_batch() {
        return Err(Failure::Input(
            "the bundle has several statements: `zkinfer claim batch` claims them together".into(),
        )
        .into());
    }
    if price == Price::Optimistic && (args.openings.is_some() || args.out.is_some()) {
        return Err(Failure::Input(
            "an Optimistic claim takes no proof: --openings is for `zkinfer answer`, and there is no bundle for --out"
                .into(),
        )
        .into());
    }
    if let Some(path) = &args.out {
        check_writable(path)?;
    }
    let (registry, outbox) = (args.place.registry()?, Outbox::from_env()?);
    let runtime = session.runtime()?;
    let client = runtime.block_on(args.place.client(session))?;
    let claims = runtime.block_on(Claims::open(&client, &outbox, registry))?;
    let now = runtime.block_on(client.node().latest_timestamp())?;
    let making = Making { args, price, claims: &claims, client: &client, outbox: &outbox, session, now };
    let statement = runtime.block_on(making.statement(&bundle))?;
    let (claimed, done) = match price {
        Price::Optimistic => {
            making.keep(&bundle, &statement)?;
            session.control().stage("claim");
            (None, runtime.block_on(claims.post(&statement))?)
        }
        _ => making.with_proof(bundle.clone(), &statement, &runtime)?,
    };
    if let (Some(path), Some(claimed)) = (&args.out, &claimed) {
        write_atomic(path, &claimed.to_json())?;
    }
    making.enter(&statement, claimed, &done, &runtime);
    runtime.block_on(making.report(&bundle, &statement, &done))
}

impl Making<'_> {
    /// The statement: as the bundle has it if it is made for a registry, else for this one, and the same as last time.
    async fn statement(&self, bundle: &Bundle) -> Result<Statement, Failure> {
        let proofs = self.claims.registry().proofs;
        if self.args.assignment.check(bundle, proofs)? {
            return Ok(bundle.statement().clone());
        }
        let (of, me, chain_id) = (&self.args.assignment, self.client.address(), self.client.node().chain_id());
        let make = |deadline| {
            let context = Context::Chain { chain_id, registry: proofs, assignment: of.assignment(me, deadline) };
            Statement { context, ..bundle.statement().clone() }
        };
        let wish = self.wish(bundle, of.assignment(me, 0));
        let kept = self.outbox.deadline_of(chain_id, wish)?;
        if let Some(deadline) = kept.filter(|_| !of.again) {
            let statement = make(deadline);
            if self.claims.registry().stage(statement.id()).await? != Stage::None {
                return Ok(statement);
            }
            if deadline >= self.now {
                of.admit_kept(deadline, self.now)?;
                return Ok(statement);
            }
        }
        // Another claim is another statement, even within the second of the first.
        let deadline = kept.map_or(0, |kept| kept.saturating_add(1)).max(of.deadline(self.now));
        self.outbox.fix_deadline(chain_id, wish, deadline)?;
        Ok(make(deadline))
    }

    /// Tells the index of the claim, and of the bundle that was written. What was claimed before was entered then.
    fn enter(&self, statement: &Statement, claimed: Option<Bundle>, did: &Done, runtime: &tokio::runtime::Runtime) {
        let (mut entering, notes) = (Entering::new(&self.args.index), NoteFile::new(vec![]));
        if let (Some(path), Some(claimed)) = (&self.args.out, claimed) {
            let bytes = claimed.to_json();
            entering.file(&claimed.into(), &bytes, path, &notes);
        }
        let new = did.mined.as_ref().filter(|_| !did.done_before);
        if let (true, Some(mined)) = (entering.is_wanted(), new) {
            let (node, at) = (self.client.node(), (mined.transaction_hash, mined.block_number));
            let assurance = match self.price {
                Price::Attested => Assurance::Attested,
                Price::Optimistic => Assurance::Optimistic,
                Price::Verified => Assurance::Verified,
            };
            let made = async { index::made_claim(node, statement, at, assurance).await.map(|entry| vec![entry]) };
            runtime.block_on(entering.made(made, &notes));
        }
    }

    /// What was asked for, before a deadline is chosen.
    fn wish(&self, bundle: &Bundle, to: Assignment) -> B256 {
        let registry = self.claims.registry();
        let chain_id = self.client.node().chain_id();
        let request = request_id(bundle, chain_id, registry.proofs, (to.submitter, to.consumer, to.job));
        let price = [self.price as u8];
        keccak256([b"zkinfer/outbox/claim/v1", request.as_slice(), registry.address.as_slice(), &price].concat())
    }

    /// A proof that is for this very statement answers a challenge later, whatever becomes of the file.
    fn keep(&self, bundle: &Bundle, statement: &Statement) -> Result<(), Failure> {
        let made = match bundle.statement() == statement {
            true => Some(bundle.clone()),
            false => bundle.clone().with_context(statement.context).ok(),
        };
        Ok(made.map_or(Ok(()), |made| self.outbox.keep_bundle(&made))?)
    }

    /// Attests or submits with a proof of the statement: one that is kept, or the bundle's, or a new one.
    fn with_proof(
        &self,
        bundle: Bundle,
        statement: &Statement,
        runtime: &tokio::runtime::Runtime,
    ) -> Result<(Option<Bundle>, Done), Failure> {
        let (id, registry) = (statement.id(), self.claims.registry());
        if self.price == Price::Verified
            && runtime.block_on(registry.stage(id))? != Stage::Verified
            && runtime.block_on(registry.is_proven(id))?
        {
            return Ok((None, runtime.block_on(self.claims.adopt(statement))?));
        }
        let claimed = match self.outbox.kept(self.client.node().chain_id(), id)? {
            Some(kept) => kept,
            None if bundle.statement() == statement => bundle,
            None => again::for_registry(bundle, self.args.openings.as_deref(), statement.context, self.session)?.0,
        };
        self.outbox.keep_bundle(&claimed)?;
        self.session.control().stage("claim");
        let done = match self.price {
            Price::Verified => runtime.block_on(self.claims.submit(statement, claimed.proof()))?,
            _ => {
                let written = self.args.out.as_ref().map(|_| ContentAddress::of(&claimed.to_json()));
                let content = written.map_or(B256::ZERO, |address| B256::from(*address.blake3()));
                runtime.block_on(self.claims.attest(statement, claimed.manifest().proof_hash, content))?
            }
        };
        Ok((Some(claimed), done))
    }

    async fn report(&self, bundle: &Bundle, statement: &Statement, did: &Done) -> anyhow::Result<Outcome> {
        let (id, registry) = (statement.id(), self.claims.registry());
        let record = registry.claim(id).await?;
        let (stage, terms) = (Stage::from(record.stage), registry.terms);
        let Context::Chain { assignment, chain_id, .. } = statement.context else {
            return Err(Failure::Internal("a claimed statement is made for no chain".into()).into());
        };
        let mut object = json!({
            "statement_id": id,
            "model_id": statement.model_id,
            "claim_registry": registry.address,
            "proof_registry": registry.proofs,
            "submitter": assignment.submitter,
            "consumer": assignment.consumer,
            "job": assignment.job,
            "deadline": assignment.deadline,
            "stage": stage,
        });
        let mut rows = vec![
            ("statement".to_owned(), id.to_string()),
            ("model id".into(), statement.model_id.to_string()),
            ("stage".into(), stage.to_string()),
        ];
        if self.price == Price::Optimistic {
            let closes = record.since.to::<u64>().saturating_add(terms.challenge_window);
            let can_answer = bundle.manifest().transferable || again::find(statement.model_id)?.is_some();
            object["bond"] = json!(terms.bond);
            object["can_answer"] = json!(can_answer);
            if stage == Stage::Open {
                object["challengeable_until"] = json!(closes);
                rows.push(("challengeable".into(), format!("until {}", moment(closes))));
            }
            rows.push(("bond".into(), money::amount(terms.bond, chain_id)));
            rows.push(("answer window".into(), span(terms.answer_window)));
            if !can_answer {
                let warning = "no artifacts of the model are on this machine: a challenge cannot be answered from here";
                rows.push(("WARNING".into(), warning.into()));
            }
        }
        done(did, &mut object, &mut rows);
        let how = if did.done_before { "Claimed before; nothing was sent" } else { "Claimed" };
        report::result(self.session, &object, &format!("{how}\n{}", report::rows(&rows)));
        Ok(Outcome::True)
    }
}
