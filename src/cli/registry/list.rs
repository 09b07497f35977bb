use super::status::knows;
use crate::cli::{
    Failure, Outcome, account,
    claim::{ReadArgs, moment},
    context::Session,
    report,
};
use alloy::primitives::{Address, B256};
use serde_json::{Value, json};
use zkinfer::chain::claims::{BatchState, ClaimState, Indexer, Stage};

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum StageArg {
    Attested,
    Open,
    Challenged,
    Verified,
    Final,
    Slashed,
    Void,
}

impl From<StageArg> for Stage {
    fn from(stage: StageArg) -> Self {
        match stage {
            StageArg::Attested => Self::Attested,
            StageArg::Open => Self::Open,
            StageArg::Challenged => Self::Challenged,
            StageArg::Verified => Self::Verified,
            StageArg::Final => Self::Final,
            StageArg::Slashed => Self::Slashed,
            StageArg::Void => Self::Void,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show this claim or batch alone.
    #[arg(value_name = "ID")]
    id: Option<B256>,

    /// Only those in this stage; `challenged` has batches with a challenged leaf, too. May be given several times.
    #[arg(long, value_enum, value_name = "STAGE")]
    stage: Vec<StageArg>,

    /// Only those of this submitter.
    #[arg(long, value_name = "ADDRESS", value_parser = account::address)]
    submitter: Option<Address>,

    /// Only those of this model.
    #[arg(long, value_name = "MODEL_ID")]
    model: Option<B256>,

    #[command(flatten)]
    place: ReadArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    session.runtime()?.block_on(async {
        let (registry, from_block) = args.place.open().await?;
        session.control().stage("read events");
        let mut indexer = Indexer::new(registry.clone(), from_block);
        let block = indexer.sync().await?.block;
        let (state, now) = (indexer.state(), registry.node().latest_timestamp().await?);
        if let Some(id) = args.id.filter(|&id| !knows(state, id)) {
            return Err(Failure::Input(format!(
                "registry {} has no claim and no batch {id} from block {from_block} on; check the id, or begin earlier (--from-block)",
                registry.address
            )).into());
        }
        let (mut claims, mut batches, mut text) = (Vec::new(), Vec::new(), String::new());
        for claim in state.claims().values().filter(|claim| args.wants_claim(claim)) {
            let (level, ends) = (state.final_level(claim.statement_id, now), claim.ends_at(state.terms()));
            let mut object = json!(claim);
            object["final_level"] = json!(level);
            object["ends_at"] = json!(ends);
            claims.push(object);
            text += &format!("{}  {}  {}  by {}\n", claim.statement_id, claim.stage, until(ends, now), claim.assignment.submitter);
        }
        for batch in state.batches().values().filter(|batch| args.wants_batch(batch)) {
            batches.push(json!(batch));
            let open = if batch.open > 0 { format!(", {} challenged", batch.open) } else { String::new() };
            let ends = (batch.stage == Stage::Open).then_some(batch.closes_at);
            text += &format!(
                "{}  {}  {}  by {}  batch of {}{open}\n",
                batch.batch_id, batch.stage, until(ends, now), batch.submitter, batch.count
            );
        }
        if text.is_empty() {
            text = "None\n".into();
        }
        let object: Value =
            json!({ "claim_registry": registry.address, "block": block, "time": now, "claims": claims, "batches": batches });
        report::result(session, &object, &text);
        Ok(Outcome::True)
    })
}

impl Args {
    fn wants(&self, id: B256, submitter: Address, model: B256) -> bool {
        self.id.is_none_or(|wanted| wanted == id)
            && self.submitter.is_none_or(|wanted| wanted == submitter)
            && self.model.is_none_or(|wanted| wanted == model)
    }

    fn wants_stage(&self, stage: Stage) -> bool {
        self.stage.is_empty() || self.stage.iter().any(|&wanted| Stage::from(wanted) == stage)
    }

    fn wants_claim(&self, claim: &ClaimState) -> bool {
        self.wants(claim.statement_id, claim.assignment.submitter, claim.model_id) && self.wants_stage(claim.stage)
    }

    fn wants_batch(&self, batch: &BatchState) -> bool {
        let is_challenged = batch.stage == Stage::Open && batch.open > 0;
        self.wants(batch.batch_id, batch.submitter, batch.model_id)
            && (self.wants_stage(batch.stage) || (is_challenged && self.wants_stage(Stage::Challenged)))
    }
}

fn until(ends: Option<u64>, now: u64) -> String {
    match ends {
        Some(ends) if now > ends => format!("time over since {}", moment(ends)),
        Some(ends) => format!("until {}", moment(ends)),
        None => "for ever".into(),
    }
}
