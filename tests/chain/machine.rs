//! A chain without a node, under the rules of any fork and at any price of precompiled contracts: transactions one after the
//! other, with state that stays.

use alloy::primitives::{Address, Bytes};
use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext,
    context::{ContextTr, Evm, TxEnv, result::ExecutionResult},
    context_interface::Cfg,
    database::{CacheDB, EmptyDB},
    handler::{EthPrecompiles, PrecompileProvider},
    interpreter::{CallInputs, InstructionResult, InterpreterResult},
    primitives::AddressSet,
    state::{AccountInfo, Bytecode},
};
use zkinfer::chain::Fork;

/// Enough for any deployment under any rules: state gas included.
const GAS_LIMIT: u64 = 80_000_000;

/// What a transaction came to.
#[derive(Debug)]
pub(crate) struct Done {
    /// As a receipt has it.
    pub(crate) gas: u64,
    /// The part of it that is state gas; 0 before Amsterdam.
    pub(crate) state: u64,
    /// `Err`: revert data, or the name of an exception.
    pub(crate) output: Result<Bytes, String>,
    /// The contract that was created.
    pub(crate) created: Option<Address>,
}

pub(crate) struct Machine {
    state: CacheDB<EmptyDB>,
    fork: Fork,
    sender: Address,
    nonce: u64,
    /// What precompiled contracts cost, in times of what they do.
    factor: Box<dyn Fn(&Address) -> u64>,
}

impl Machine {
    pub(crate) fn new(fork: Fork, sender: Address) -> Self {
        Self { state: CacheDB::new(EmptyDB::new()), fork, sender, nonce: 0, factor: Box::new(|_| 1) }
    }

    /// With code at an address.
    pub(crate) fn with_code(mut self, at: Address, code: Bytes) -> Self {
        self.state.insert_account_info(at, AccountInfo::from_bytecode(Bytecode::new_raw(code)));
        self
    }

    pub(crate) fn with_prices(mut self, factor: impl Fn(&Address) -> u64 + 'static) -> Self {
        self.factor = Box::new(factor);
        self
    }

    pub(crate) fn create(&mut self, creation: &Bytes) -> Done {
        self.run(TxEnv::builder().create().data(creation.clone()))
    }

    pub(crate) fn call(&mut self, to: Address, data: Vec<u8>) -> Done {
        self.run(TxEnv::builder().call(to).data(data.into()))
    }

    fn run(&mut self, transaction: revm::context::tx::TxEnvBuilder) -> Done {
        let (fork, factor) = (self.fork, &self.factor);
        let cap = fork.rules().cap.filter(|_| fork.rules().state.is_none());
        let transaction = transaction
            .caller(self.sender)
            .nonce(self.nonce)
            .gas_limit(cap.unwrap_or(GAS_LIMIT))
            .gas_price(0)
            .chain_id(Some(31337))
            .build()
            .unwrap();
        self.nonce += 1;
        let evm = Context::mainnet()
            .with_db(&mut self.state)
            .modify_cfg_chained(|cfg| {
                cfg.set_spec_and_mainnet_gas_params(fork.spec());
                cfg.chain_id = 31337;
            })
            .build_mainnet();
        let mut evm = with_prices(evm, Dear { inner: EthPrecompiles::new(fork.spec()), factor: &**factor });
        done(evm.transact_commit(transaction).unwrap())
    }
}

fn with_prices<CTX, INSP, I, P, F, N>(evm: Evm<CTX, INSP, I, P, F>, prices: N) -> Evm<CTX, INSP, I, N, F> {
    evm.with_precompiles(prices)
}

fn done(result: ExecutionResult) -> Done {
    let (gas, state) = (result.tx_gas_used(), result.gas().state_gas_spent_final());
    let created = result.created_address();
    let output = match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(output.to_string()),
        ExecutionResult::Halt { reason, .. } => Err(format!("{reason:?}")),
    };
    Done { gas, state, output, created }
}

/// Precompiled contracts at other prices.
struct Dear<'a> {
    inner: EthPrecompiles,
    factor: &'a dyn Fn(&Address) -> u64,
}

impl<CTX: ContextTr> PrecompileProvider<CTX> for Dear<'_> {
    type Output = InterpreterResult;

    fn set_spec(&mut self, spec: <CTX::Cfg as Cfg>::Spec) -> bool {
        PrecompileProvider::<CTX>::set_spec(&mut self.inner, spec)
    }

    fn run(&mut self, context: &mut CTX, inputs: &CallInputs) -> Result<Option<InterpreterResult>, String> {
        let Some(mut result) = PrecompileProvider::<CTX>::run(&mut self.inner, context, inputs)? else {
            return Ok(None);
        };
        let more = (self.factor)(&inputs.bytecode_address) - 1;
        let price = inputs.gas_limit - result.gas.remaining();
        if !result.result.is_halt() && !result.gas.record_regular_cost(price * more) {
            result.gas.spend_all();
            result.result = InstructionResult::PrecompileOOG;
            result.output = Bytes::new();
        }
        Ok(Some(result))
    }

    fn warm_addresses(&self) -> &AddressSet {
        self.inner.warm_addresses()
    }
}
