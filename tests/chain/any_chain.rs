//! Chains that are worth something: what may be written to them, by whom, at what price.

use crate::{
    proxy::{Action, Proxy},
    world::{self, World},
};
use alloy::{
    primitives::{Address, B256, Bytes, U256, address},
    signers::local::PrivateKeySigner,
};
use serde_json::json;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use zkinfer::{
    FailureClass,
    chain::{
        Account, Budget, ChainError, Client, Devnet, Node, Offer, Operator, SendOptions,
        client::ModelEntry,
        deployment,
        devnet::DevnetOptions,
        guard::{DEV_CHAINS, PUBLIC_ACCOUNTS},
    },
    evm::artifacts,
    proof::{Schema, srs::SrsKind},
};

const BASE: u64 = 8453;

/// Agrees or not, and remembers.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    pub(crate) refuses: bool,
    pub(crate) offers: Mutex<Vec<Offer>>,
    pub(crate) sent: AtomicUsize,
}

impl Operator for Witness {
    fn agree(&self, offer: &Offer) -> Result<(), ChainError> {
        self.offers.lock().unwrap().push(offer.clone());
        if self.refuses { Err(ChainError::NotAgreed("no".into())) } else { Ok(()) }
    }

    fn sending(&self, _: &str, _: B256) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) async fn devnet(chain_id: u64) -> Devnet {
    Devnet::start_with(&world::anvil(), &DevnetOptions { chain_id, ..DevnetOptions::default() }).await.unwrap()
}

/// An account that nobody else has, with a hundred units.
pub(crate) async fn funded(devnet: &Devnet) -> Account {
    let account = Account::from_signer(PrivateKeySigner::from_bytes(&B256::repeat_byte(0x51)).unwrap());
    cheat(devnet, "anvil_setBalance", json!([account.address(), "0x56bc75e2d63100000"])).await;
    account
}

async fn cheat(devnet: &Devnet, method: &'static str, parameters: serde_json::Value) {
    use alloy::providers::Provider;
    let provider = crate::rpc::provider(devnet);
    let _: serde_json::Value = provider.raw_request(method.into(), parameters).await.unwrap();
}

async fn client(devnet: &Devnet) -> Client {
    let node = Node::connect_to(&devnet.endpoint(), Some(BASE)).await.unwrap();
    Client::new(node, funded(devnet).await).unwrap()
}

#[tokio::test]
async fn a_chain_is_named_and_the_node_agrees() {
    let devnet = devnet(BASE).await;
    let connect = async |named| Node::connect_to(&devnet.endpoint(), named).await;
    assert_eq!(connect(Some(BASE)).await.unwrap().chain_id(), BASE);
    let unnamed = connect(None).await.unwrap_err();
    assert!(matches!(unnamed, ChainError::UnnamedChain { found: BASE }), "{unnamed}");
    for named in [1, 31337] {
        let wrong = connect(Some(named)).await.unwrap_err();
        assert!(matches!(wrong, ChainError::WrongChain { found: BASE, .. }), "{wrong}");
        assert_eq!(wrong.class(), FailureClass::BadInput);
    }
    // Reading takes no name.
    assert_eq!(Node::connect(&devnet.endpoint()).await.unwrap().chain_id(), BASE);
    let other = self::devnet(1337).await;
    assert_eq!(Node::connect_dev(&other.endpoint()).await.unwrap().chain_id(), 1337);
}

/// The list is what anvil has.
#[tokio::test]
async fn accounts_that_everybody_knows_are_refused() {
    use alloy::providers::Provider;
    let devnet = devnet(BASE).await;
    let accounts: Vec<Address> = crate::rpc::provider(&devnet).get_accounts().await.unwrap();
    assert_eq!(accounts, PUBLIC_ACCOUNTS);
    let node = Node::connect_to(&devnet.endpoint(), Some(BASE)).await.unwrap();
    let error = Client::new(node.clone(), Account::dev()).unwrap_err();
    assert!(matches!(error, ChainError::PublicKey { chain_id: BASE, .. }), "{error}");
    assert_eq!(error.class(), FailureClass::BadInput);
    assert!(Client::new(node, funded(&devnet).await).is_ok());
}

/// A claim under an SRS that is on no list goes to any chain; under the TEST SRS to none but development chains.
#[tokio::test]
async fn models_of_the_test_srs_are_refused_and_others_are_claimed() {
    let devnet = devnet(BASE).await;
    let client = client(&devnet).await;
    let contracts = client.deploy_contracts(artifacts::ezkl_adapter()).await.unwrap();
    let verifier = client.deploy_verifier(world::stand_in()).await.unwrap();
    let registry = contracts.model_registry.address;
    let test = B256::from(*zkinfer_prover::srs::test_srs(0).unwrap().id());
    assert_eq!(zkinfer::proof::srs::srs_kind(test), SrsKind::Test);
    let entry = |srs_id, schema| ModelEntry {
        adapter: contracts.adapter.address,
        model_code: verifier.address,
        vk_digest: B256::repeat_byte(0x11),
        srs_id,
        schema,
    };
    let schema = Bytes::from(Schema::to_bytes(&world::schema()));
    let error = client.register(registry, &entry(test, &schema)).await.unwrap_err();
    assert!(matches!(error, ChainError::TestSrs { chain_id: BASE }), "{error}");
    assert_eq!(error.class(), FailureClass::BadInput);

    // Whoever registers it without this program: the claim is refused before the proof is looked at.
    let call = zkinfer::chain::bindings::IModelRegistry::registerCall {
        adapter: contracts.adapter.address,
        modelCode: verifier.address,
        vkDigest: B256::repeat_byte(0x11),
        srsId: test,
        schema: schema.clone(),
    };
    let data = alloy::sol_types::SolCall::abi_encode(&call);
    assert!(world::send_as(&devnet, client.node(), PUBLIC_ACCOUNTS[0], registry, data).await.status());
    let unlisted = client.register(registry, &entry(B256::repeat_byte(0x22), &schema)).await.unwrap();
    let model_ids = [test, B256::repeat_byte(0x22)].map(|srs_id| {
        zkinfer::proof::identity::model_id(&zkinfer::proof::identity::ModelParts {
            adapter_id: artifacts::ezkl_adapter_id(),
            model_code_hash: verifier.code_hash,
            vk_digest: B256::repeat_byte(0x11),
            schema_hash: zkinfer::proof::identity::schema_hash(&schema),
            srs_id,
        })
    });
    assert_eq!(unlisted.model_id, model_ids[1]);
    let statement = |model_id| world::statement_for(&client, contracts.proof_registry.address, model_id);
    let refused = client.submit(&statement(model_ids[0]), &world::proof()).await.unwrap_err();
    assert!(matches!(refused, ChainError::TestSrs { chain_id: BASE }), "{refused}");
    client.submit(&statement(model_ids[1]), &world::proof()).await.unwrap();
    assert_eq!(DEV_CHAINS, [31337, 1337]);
}

#[tokio::test]
async fn the_first_transaction_is_agreed_to_or_nothing_is_sent() {
    let devnet = devnet(BASE).await;
    let client = client(&devnet).await;
    let no = Arc::new(Witness { refuses: true, ..Witness::default() });
    let error = client.clone().with_operator(no.clone()).deploy_verifier(world::stand_in()).await.unwrap_err();
    assert!(matches!(error, ChainError::NotAgreed(_)), "{error}");
    assert_eq!(no.sent.load(Ordering::Relaxed), 0);

    let yes = Arc::new(Witness::default());
    let client = client.with_operator(yes.clone());
    let first = client.deploy_verifier(world::stand_in()).await.unwrap();
    client.deploy_verifier(world::stand_in()).await.unwrap();
    assert_eq!(yes.sent.load(Ordering::Relaxed), 2);
    let offers = yes.offers.lock().unwrap();
    let [offer] = &offers[..] else { panic!("asked {} times", offers.len()) };
    assert_eq!((offer.chain_id, offer.account), (BASE, client.address()));
    assert!(offer.gas >= first.mined.gas_used && offer.ceiling >= U256::from(offer.gas) * U256::from(offer.price));
    let text = offer.to_string();
    for part in ["8453", "100 ETH", "gwei", "deployment of StandIn", &client.address().to_string()] {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

#[tokio::test]
async fn a_development_chain_asks_nobody() {
    let devnet = devnet(31337).await;
    let no = Arc::new(Witness { refuses: true, ..Witness::default() });
    let node = Node::connect_dev(&devnet.endpoint()).await.unwrap();
    let client = Client::new(node, Account::dev()).unwrap().with_operator(no);
    client.deploy_verifier(world::stand_in()).await.unwrap();
}

#[tokio::test]
async fn prices_and_costs_stay_within_what_is_allowed() {
    let devnet = devnet(BASE).await;
    let client = client(&devnet).await;
    let with = |budget| client.clone().with_options(SendOptions { budget, ..SendOptions::default() });
    let cheap = with(Budget { max_fee: Some(1), max_cost: None });
    let error = cheap.deploy_verifier(world::stand_in()).await.unwrap_err();
    assert!(matches!(error, ChainError::FeeTooHigh { limit: 1, .. }), "{error}");
    assert!(error.to_string().contains("--max-fee"), "{error}");
    assert_eq!(error.class(), FailureClass::Environment);

    let gwei = 1_000_000_000;
    let capped = with(Budget { max_fee: Some(3 * gwei / 2), max_cost: None });
    let mined = capped.deploy_verifier(world::stand_in()).await.unwrap().mined;
    assert!(mined.receipt.effective_gas_price <= 3 * gwei / 2);

    // Enough for one of them.
    let cost = U256::from(mined.gas_used) * U256::from(4 * gwei);
    let poor = self::client(&devnet).await.with_options(SendOptions {
        budget: Budget { max_fee: Some(3 * gwei), max_cost: Some(cost) },
        ..SendOptions::default()
    });
    poor.deploy_verifier(world::stand_in()).await.unwrap();
    let error = poor.deploy_verifier(world::stand_in()).await.unwrap_err();
    assert!(matches!(error, ChainError::CostTooHigh { .. }), "{error}");
    assert!(error.to_string().contains("ETH is left of --max-cost"), "{error}");
}

/// Blocks without a base fee: one price, as before EIP-1559.
#[tokio::test]
async fn chains_without_a_base_fee_are_paid_as_they_want() {
    use alloy::consensus::Transaction as _;
    let devnet = devnet(BASE).await;
    let proxy = Proxy::start(&devnet.endpoint());
    let funded = funded(&devnet).await;
    let latest: serde_json::Value = {
        use alloy::providers::Provider;
        crate::rpc::provider(&devnet)
            .raw_request("eth_getBlockByNumber".into(), json!(["latest", false]))
            .await
            .unwrap()
    };
    proxy.on("eth_getBlockByNumber", move |parameters, _| {
        let mut block = latest.clone();
        block.as_object_mut().unwrap().remove("baseFeePerGas");
        if parameters[0] == "latest" { Action::Answer(block) } else { Action::Forward }
    });
    let node = Node::connect_to(&proxy.url(), Some(BASE)).await.unwrap();
    let mined = Client::new(node.clone(), funded).unwrap().deploy_verifier(world::stand_in()).await.unwrap().mined;
    let transaction = node.transaction(mined.transaction_hash).await.unwrap().unwrap();
    assert!(transaction.is_legacy_gas() && transaction.gas_price().is_some(), "{transaction:?}");
}

/// An L2 of the OP stack: what it takes for L1 data counts before anything is sent.
#[tokio::test]
async fn the_fee_for_l1_data_is_part_of_the_ceiling() {
    let devnet = devnet(BASE).await;
    let client = client(&devnet).await;
    // Answers everything with a tenth of a unit: PUSH8 0x016345785d8a0000, PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN.
    let oracle = address!("0x420000000000000000000000000000000000000F");
    cheat(&devnet, "anvil_setCode", json!([oracle, "0x67016345785d8a00005f5260205ff3"])).await;
    let witness = Arc::new(Witness::default());
    let agreed = client.clone().with_operator(witness.clone());
    agreed.deploy_verifier(world::stand_in()).await.unwrap();
    let offer = witness.offers.lock().unwrap()[0].clone();
    // Data and operator fee, and half of it for what moves meanwhile.
    assert_eq!(offer.l1_fee, U256::from(300_000_000_000_000_000_u64));
    assert_eq!(offer.ceiling, U256::from(offer.gas) * U256::from(offer.price) + offer.l1_fee);
    assert!(offer.to_string().contains("0.3 ETH"), "{offer}");

    cheat(&devnet, "anvil_setBalance", json!([client.address(), "0x3782dace9d90000"])).await; // a quarter
    let error = client.deploy_verifier(world::stand_in()).await.unwrap_err();
    assert!(matches!(error, ChainError::InsufficientFunds { .. }), "{error}");
    assert!(error.to_string().contains("0.25 ETH"), "{error}");
}

/// Without the factory nothing is sent, and the error names what is missing; what is there is not created again.
#[tokio::test]
async fn contracts_are_created_by_the_factory_and_once() {
    let devnet = devnet(BASE).await;
    let client = client(&devnet).await;
    let registry = deployment::model_registry();
    let factory = client.node().code(deployment::FACTORY).await.unwrap();
    cheat(&devnet, "anvil_setCode", json!([deployment::FACTORY, "0x"])).await;
    let error = client.place(&registry).await.unwrap_err();
    assert!(matches!(error, ChainError::NoFactory { chain_id: BASE }), "{error}");
    assert_eq!(error.class(), FailureClass::Environment);
    assert_eq!(client.node().latest_block().await.unwrap(), 0);
    cheat(&devnet, "anvil_setCode", json!([deployment::FACTORY, factory])).await;

    let placed = client.place(&registry).await.unwrap();
    assert_eq!((placed.address, placed.code_hash), (registry.address, registry.code_hash));
    let again = client.place(&registry).await.unwrap();
    assert!(placed.mined.is_some() && again.mined.is_none());
    // Other code at its place is never called this release's.
    cheat(&devnet, "anvil_setCode", json!([registry.address, "0x00"])).await;
    let error = client.place(&registry).await.unwrap_err();
    assert!(matches!(error, ChainError::Unexpected { .. }), "{error}");
}

/// A block that holds less than the contract takes (C7).
#[tokio::test]
async fn a_chain_with_small_blocks_says_so() {
    let world = World::new().await;
    world.cheat("evm_setBlockGasLimit", json!(["0x30d40"])).await;
    world.cheat("evm_mine", json!([])).await;
    let verifier = deployment::released(artifacts::native_verifier());
    let error = world.client.place(&verifier).await.unwrap_err();
    assert!(matches!(error, ChainError::OutOfGas { .. } | ChainError::TooMuchGas { .. }), "{error:?}");
    assert!(!error.to_string().contains("batch"), "{error}");
}
