use super::{
    Failure, Outcome,
    account::AccountArgs,
    context::Session,
    entry::{EntryArgs, expect_code},
    report,
};
use alloy::primitives::Address;
use serde_json::json;
use zkinfer::chain::client::ModelEntry;

pub(crate) const EXAMPLES: &str = "\
Examples:
  zkinfer register --bundle answer.bundle.json --model-registry 0x… --adapter 0x… --model-code 0x… \\
      --rpc http://127.0.0.1:8545 --dev-account
  zkinfer register --model mlp.onnx --model-registry 0x… --adapter 0x… --model-code 0x… \\
      --rpc http://127.0.0.1:8545 --key-file key.hex --json

`zkinfer verifier deploy` prints the addresses. Registering is open to everybody, gives no rights, and changes nothing when
the model is there already. The id is derived before anything is sent: addresses with other code are refused.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    entry: EntryArgs,

    /// The ModelRegistry.
    #[arg(long, value_name = "ADDRESS")]
    model_registry: Address,

    /// The adapter: EzklAdapter, or NativeVerifier (NativeTestVerifier for the TEST SRS).
    #[arg(long, value_name = "ADDRESS")]
    adapter: Address,

    /// The model's own code: its key object or its verifier.
    #[arg(long, value_name = "ADDRESS")]
    model_code: Address,

    #[command(flatten)]
    account: AccountArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Outcome, Failure> {
    let runtime = session.runtime()?;
    let entry = args.entry.read(session)?;
    let registration = runtime.block_on(async {
        session.control().stage("register model");
        let client = args.account.client().await?;
        expect_code(client.node(), "adapter", args.adapter, entry.parts.adapter_id).await?;
        expect_code(client.node(), "model's code", args.model_code, entry.parts.model_code_hash).await?;
        let model = ModelEntry {
            adapter: args.adapter,
            model_code: args.model_code,
            vk_digest: entry.parts.vk_digest,
            srs_id: entry.parts.srs_id,
            schema: &entry.schema,
        };
        Ok::<_, Failure>(client.register(args.model_registry, &model).await?)
    })?;
    if registration.model_id != entry.model_id() {
        return Err(Failure::Internal("the registry derives another model id".into()));
    }
    let mut object = json!(registration);
    object["model_registry"] = json!(args.model_registry);
    let text = format!(
        "Registered\n{}",
        report::rows(&[
            ("model id".into(), registration.model_id.to_string()),
            ("transaction".into(), registration.mined.transaction_hash.to_string()),
            ("gas".into(), registration.mined.gas_used.to_string()),
        ])
    );
    report::result(session, &object, &text);
    Ok(Outcome::True)
}
