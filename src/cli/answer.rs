use super::{
    Failure, Outcome, again,
    challenge::no_claim,
    claim::{PlaceArgs, done, find_batch_file, moment},
    context::Session,
    form, hidden, report,
};
use alloy::primitives::B256;
use serde_json::{Value, json};
use std::path::PathBuf;
use zkinfer::{
    backend::Openings,
    chain::{
        Client, Outbox,
        claims::{BatchState, ClaimBatch, ClaimState, Claims, Done, Stage},
    },
    evm::artifacts::is_native_verifier,
    proof::{Bundle, Statement},
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer answer 0x5c50… --claim-registry 0x… --rpc http://127.0.0.1:8545 --dev-account
  zkinfer answer 0x5c50… --bundle claimed.bundle.json --claim-registry 0x… --rpc http://127.0.0.1:8545 --dev-account
  zkinfer answer 0xba7c… --batch batch.json --claim-registry 0x… --rpc http://127.0.0.1:8545 --dev-account     every challenged leaf
  zkinfer answer 0xba7c… --leaf 17 --leaf 20 --claim-registry 0x… --rpc http://127.0.0.1:8545 --dev-account

Proves a claim that was challenged, or one that was not yet. The cheapest way is taken that the registry accepts: a claim that the proof
registry has verified is adopted, without a proof; a bundle of this very statement, given or kept, is shown as it is; else the statement, which
the chain has, is proven again, which takes the model's artifacts. All challenged leaves of a native batch are shown with one proof; EZKL takes
one answer for each. Bond and fee are then owed to you (`zkinfer registry withdraw`). An answer that comes too late is not sent.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The statement's id, or a batch's.
    #[arg(value_name = "ID")]
    id: B256,

    /// A leaf of the batch, counted from 0; may be given several times [default: all that are challenged].
    #[arg(long, value_name = "N")]
    leaf: Vec<u16>,

    /// The leaves of the batch, as `zkinfer claim batch` wrote them [default: those that were kept here].
    #[arg(long, value_name = "FILE")]
    batch: Option<PathBuf>,

    /// A bundle that proves the statement [default: one that was kept here, or a new proof].
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,

    /// What opens the hidden tensors of the statement; of a batch: of all its leaves.
    #[arg(long, value_name = "FILE")]
    openings: Option<PathBuf>,

    #[command(flatten)]
    place: PlaceArgs,
}

/// How a claim was answered.
struct Answered {
    how: &'static str,
    leaves: Vec<u16>,
    done: Done,
}

struct Answering<'a> {
    args: &'a Args,
    claims: &'a Claims<'a>,
    client: &'a Client,
    outbox: &'a Outbox,
    session: &'a Session,
    now: u64,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    let (address, from_block, outbox) = (args.place.registry()?, args.place.first_block()?, Outbox::from_env()?);
    session.runtime()?.block_on(async {
        let client = args.place.client(session).await?;
        let claims = Claims::open(&client, &outbox, address).await?;
        let now = client.node().latest_timestamp().await?;
        let answering = Answering { args, claims: &claims, client: &client, outbox: &outbox, session, now };
        let registry = claims.registry();
        let answers = if let Some(claim) = registry.find_claim(args.id, from_block).await? {
            if !args.leaf.is_empty() || args.batch.is_some() {
                return Err(Failure::Input(format!("{} is a claim of one statement: it has no leaves", args.id)).into());
            }
            vec![answering.single(&claim).await?]
        } else {
            let batch = registry.find_batch(args.id, from_block).await?;
            answering.batch(&batch.ok_or_else(|| no_claim(args.id))?).await?
        };
        answering.report(&answers);
        Ok(Outcome::True)
    })
}

impl Answering<'_> {
    async fn single(&self, claim: &ClaimState) -> Result<Answered, Failure> {
        let registry = self.claims.registry();
        let statement = claim.statement(self.client.node().chain_id(), registry.proofs);
        let Some(statement) = statement.filter(|_| claim.stage != Stage::Attested) else {
            return Err(Failure::Input(format!(
                "claim {} is {}, and was never an Optimistic one: there is nothing to answer",
                self.args.id, claim.stage
            )));
        };
        let answered = |how, done| Answered { how, leaves: vec![], done };
        if claim.stage == Stage::Verified {
            // Whatever it was proven with: it says so and sends nothing.
            return Ok(answered("proven before", self.claims.adopt(&statement).await?));
        }
        self.in_time(claim.ends_at(&registry.terms).filter(|_| claim.stage == Stage::Challenged))?;
        if registry.is_proven(self.args.id).await? {
            return Ok(answered("adopted", self.claims.adopt(&statement).await?));
        }
        let (how, bundle) = match self.ready(std::slice::from_ref(&statement))? {
            Some(ready) => ready,
            None => ("proven", self.prove(&[(0, statement.clone())])?),
        };
        self.session.control().stage("answer");
        Ok(answered(how, self.claims.answer(&statement, bundle.proof()).await?))
    }

    /// The challenged leaves: with one proof, where the adapter takes one.
    async fn batch(&self, state: &BatchState) -> Result<Vec<Answered>, Failure> {
        let registry = self.claims.registry();
        let file = find_batch_file(self.args.batch.as_deref(), self.outbox, registry, self.args.id)?;
        let file = file.ok_or_else(|| {
            Failure::Input(format!(
                "the leaves of batch {} are on no chain, and were not posted from this machine: give the file that `zkinfer claim \
                 batch` wrote (--batch FILE)",
                self.args.id
            ))
        })?;
        let wanted = self.wanted(state)?;
        if wanted.is_empty() {
            return Ok(vec![]);
        }
        if state.stage != Stage::Open {
            return Err(Failure::Input(format!(
                "batch {} is {}: nothing of it can be answered",
                self.args.id, state.stage
            )));
        }
        let together = match is_native_verifier(registry.adapter_of(state.model_id).await?) {
            true => self.most(state.model_id)?,
            false => 1,
        };
        let mut answers = Vec::new();
        for leaves in wanted.chunks(together) {
            answers.push(self.answer_leaves(&file, leaves).await?);
        }
        Ok(answers)
    }

    async fn answer_leaves(&self, file: &ClaimBatch, leaves: &[u16]) -> Result<Answered, Failure> {
        let statement = |&leaf: &u16| Some((usize::from(leaf), file.statement(usize::from(leaf))?));
        let runs: Option<Vec<_>> = leaves.iter().map(statement).collect();
        let runs = runs.ok_or_else(|| Failure::Input("the batch has no such leaf".into()))?;
        let statements: Vec<Statement> = runs.iter().map(|(_, statement)| statement.clone()).collect();
        let (how, bundle) = match self.ready(&statements)? {
            Some(ready) => ready,
            None => ("proven", self.prove(&runs)?),
        };
        self.session.control().stage("answer");
        let done = self.claims.answer_leaves(file, leaves, bundle.proof()).await?;
        Ok(Answered { how, leaves: leaves.to_vec(), done })
    }

    /// The leaves that are to be answered: of those that nobody asked for by name, those that can be.
    fn wanted(&self, state: &BatchState) -> Result<Vec<u16>, Failure> {
        let asked = &self.args.leaf;
        if let Some(leaf) = asked.iter().find(|leaf| !state.leaves.contains_key(leaf)) {
            return Err(Failure::Input(format!("nobody has challenged leaf {leaf} of batch {}", self.args.id)));
        }
        let is_asked = |leaf: u16| asked.is_empty() || asked.contains(&leaf);
        let challenged: Vec<(u16, u64)> =
            state.challenged(self.claims.registry().terms()).filter(|(leaf, _)| is_asked(*leaf)).collect();
        let mut wanted: Vec<u16> =
            challenged.iter().filter(|(_, until)| *until >= self.now).map(|(leaf, _)| *leaf).collect();
        if wanted.is_empty() || !asked.is_empty() {
            challenged.iter().try_for_each(|(_, until)| self.in_time(Some(*until)))?;
        }
        // One that was answered before is said to be.
        wanted.extend(asked);
        wanted.sort_unstable();
        wanted.dedup();
        Ok(wanted)
    }

    /// A bundle that proves exactly these statements, given or kept.
    fn ready(&self, statements: &[Statement]) -> Result<Option<(&'static str, Bundle)>, Failure> {
        if let Some(path) = &self.args.bundle {
            let bundle = form::read_bundle(path)?;
            if bundle.statements() == statements {
                return Ok(Some(("the bundle that was given", bundle)));
            }
            let moved = statements.first().and_then(|first| bundle.with_context(first.context).ok());
            return match moved.filter(|moved| moved.statements() == statements) {
                Some(bundle) => Ok(Some(("the bundle that was given", bundle))),
                None => Err(Failure::Input(format!(
                    "{} proves something else than what was challenged: leave --bundle away to prove it now",
                    path.display()
                ))),
            };
        }
        let [statement] = statements else { return Ok(None) };
        let kept = self.outbox.kept(self.client.node().chain_id(), statement.id())?;
        Ok(kept.filter(|kept| kept.statements() == statements).map(|kept| ("a bundle that was kept", kept)))
    }

    fn prove(&self, runs: &[(usize, Statement)]) -> Result<Bundle, Failure> {
        let found = self.found(runs.first().map(|(_, statement)| statement.model_id).unwrap_or_default())?;
        let openings = self.args.openings.as_deref().map(hidden::read).transpose()?;
        let opened = |at: usize| openings.as_ref().map(Openings::statements).and_then(|openings| openings.get(at));
        let runs: Vec<_> = runs.iter().map(|(at, statement)| (statement.clone(), opened(*at))).collect();
        again::prove(&found, &runs, self.session.control())
    }

    /// How many statements one proof can be about, here.
    fn most(&self, model_id: B256) -> Result<usize, Failure> {
        if self.args.bundle.is_some() {
            return Ok(usize::MAX);
        }
        let (integration, prepared) = self.found(model_id)?;
        let most = integration.backend().max_batch(&prepared.artifacts)?;
        Ok(most.max(1))
    }

    fn found(&self, model_id: B256) -> Result<again::Found, Failure> {
        again::find(model_id)?.ok_or_else(|| {
            Failure::Input(format!(
                "proving it takes the model's artifacts, and there are none of model {model_id} on this machine: answer from the machine \
                 that has them, or give a bundle that proves it (--bundle FILE)"
            ))
        })
    }

    fn in_time(&self, until: Option<u64>) -> Result<(), Failure> {
        match until {
            Some(until) if self.now > until => Err(Failure::Input(format!(
                "the time for an answer ended at {} (Unix time {until}): nothing was proven and nothing sent",
                moment(until)
            ))),
            _ => Ok(()),
        }
    }

    fn report(&self, answers: &[Answered]) {
        let (mut shown, mut text) = (Vec::new(), String::new());
        for answer in answers {
            let mut object = json!({ "how": answer.how, "leaves": answer.leaves });
            let mut rows = vec![("with".to_owned(), answer.how.to_owned())];
            if !answer.leaves.is_empty() {
                let leaves: Vec<String> = answer.leaves.iter().map(ToString::to_string).collect();
                rows.push(("leaves".into(), leaves.join(", ")));
            }
            done(&answer.done, &mut object, &mut rows);
            let how = if answer.done.done_before { "Answered before; nothing was sent" } else { "Answered" };
            text += &format!("{how}\n{}", report::rows(&rows));
            shown.push(object);
        }
        if shown.is_empty() {
            text = "No challenge is open; nothing was sent\n".into();
        }
        let object: Value =
            json!({ "id": self.args.id, "claim_registry": self.claims.registry().address, "answers": shown });
        report::result(self.session, &object, &text);
    }
}
