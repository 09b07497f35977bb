use super::{
    Failure, Outcome,
    account::{self, AccountArgs},
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

    /// The ModelRegistry [default: the deployment file's].
    #[arg(long, value_name = "ADDRESS", value_parser = account::address)]
    model_registry: Option<Address>,

    /// The adapter: EzklAdapter, NativeVerifier, or NetworkVerifier of what is no perceptron (NativeTestVerifier and
    /// NetworkTestVerifier for the TEST SRS) [default: the deployment file's].
    #[arg(long, value_name = "ADDRESS", value_parser = account::address)]
    adapter: Option<Address>,

    /// The model's own code: its key object or its verifier.
    #[arg(long, value_name = "ADDRESS", value_parser = account::address)]
    model_code: Address,

    #[command(flatten)]
    account: AccountArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Outcome> {
    let runtime = session.runtime()?;
    let entry = args.entry.read(session)?;
    let model_registry = args.account.place("--model-registry", args.model_registry, "ModelRegistry")?;
    let adapter = args.account.place("--adapter", args.adapter, &entry.adapter()?.contract_name)?;
    let registration = runtime.block_on(async {
        session.control().stage("register model");
        let client = args.account.client(session).await?;
        expect_code(client.node(), "adapter", adapter, entry.parts.adapter_id).await?;
        expect_code(client.node(), "model's code", args.model_code, entry.parts.model_code_hash).await?;
        let model = ModelEntry {
            adapter,
            model_code: args.model_code,
            vk_digest: entry.parts.vk_digest,
            srs_id: entry.parts.srs_id,
            schema: &entry.schema,
        };
        Ok::<_, Failure>(client.register(model_registry, &model).await?)
    })?;
    if registration.model_id != entry.model_id() {
        return Err(Failure::Internal("the registry derives another model id".into()).into());
    }
    let mut object = json!(registration);
    object["model_registry"] = json!(model_registry);
    object["registered_before"] = json!(registration.mined.is_none());
    let mut rows = vec![("model id".to_owned(), registration.model_id.to_string())];
    if let Some(mined) = &registration.mined {
        rows.push(("transaction".into(), mined.transaction_hash.to_string()));
        rows.push(("gas".into(), mined.gas_used.to_string()));
    }
    let how = if registration.mined.is_some() { "Registered" } else { "Registered before; nothing was sent" };
    let text = format!("{how}\n{}", report::rows(&rows));
    report::result(session, &object, &text);
    Ok(Outcome::True)
}
