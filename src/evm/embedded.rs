//! The embedded EVM: a contract call without a chain.
//!
//! The rules are Osaka's, whatever chain the contract is on: the newest that Ethereum runs, the ones of the
//! development node, and the ones with the highest price for the precompiles that verifiers use. They are written
//! down here instead of taken from the library's default, so that an update of the library changes no gas figure by
//! itself. Osaka limits a transaction to 2^24 gas (EIP-7825), which is therefore the limit of every call.
//!
//! A call sees the installed code and nothing else: empty storage, no balances, block 0. That is enough for verifiers,
//! which are stateless, and it makes every run repeatable.

use super::EvmError;
use alloy::primitives::{Address, B256, Bytes, address, keccak256};
use revm::{
    Context, ExecuteEvm, MainBuilder, MainContext,
    bytecode::Bytecode,
    context::{
        TxEnv,
        result::{ExecutionResult, Output, ResultGas},
        tx::TxEnvBuilder,
    },
    context_interface::cfg::gas::calculate_initial_tx_gas,
    database::{CacheDB, EmptyDB},
    primitives::eip7825::TX_GAS_LIMIT_CAP,
    state::AccountInfo,
};

pub use revm::primitives::hardfork::SpecId;

/// The rules; see the module's documentation.
pub const SPEC: SpecId = SpecId::OSAKA;
/// The gas that a call may use: as much as a transaction may have.
pub const GAS_LIMIT: u64 = TX_GAS_LIMIT_CAP;

/// An account without code that makes the calls unless another is named.
const CALLER: Address = address!("0x00000000000000000000000000000000000ca11e");

/// What a call costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Gas {
    /// As a transaction of its own: with the 21,000 gas of every transaction and the price of its calldata (at least
    /// the floor of EIP-7623). It equals `gasUsed` of the receipt when the same calldata is sent to the same code.
    pub transaction: u64,
    /// Execution alone: what a contract that makes this call pays for it, but for the call's own overhead and the
    /// price of a cold account.
    pub execution: u64,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It returned these bytes.
    Returned(Bytes),
    /// It reverted with these bytes.
    Reverted(Bytes),
    /// It ran out of gas or met an exception, named here. All its gas is gone.
    Halted(String),
}

/// A call and its price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// How it ended.
    pub outcome: Outcome,
    /// What it cost.
    pub gas: Gas,
}

/// A machine with code at some addresses. Calls do not change it.
#[derive(Debug)]
pub struct EmbeddedEvm {
    accounts: CacheDB<EmptyDB>,
    chain_id: u64,
    rules: SpecId,
}

impl EmbeddedEvm {
    /// An empty machine that tells contracts it is chain `chain_id`.
    #[must_use]
    pub fn new(chain_id: u64) -> Self {
        Self { accounts: CacheDB::new(EmptyDB::new()), chain_id, rules: SPEC }
    }

    /// The same machine under other rules than [`SPEC`], to see what a fork costs. The limit of a call's gas stays.
    #[must_use]
    pub fn with_rules(mut self, rules: SpecId) -> Self {
        self.rules = rules;
        self
    }

    /// Puts runtime code at an address and returns its code hash.
    ///
    /// # Errors
    /// [`EvmError::NoCode`] when it is empty, [`EvmError::BadCode`] when it is no plain bytecode: an account that
    /// delegates to another one (EIP-7702) is refused, since what it runs is not in the code.
    pub fn install(&mut self, address: Address, code: &Bytes, what: &'static str) -> Result<B256, EvmError> {
        if code.is_empty() {
            return Err(EvmError::NoCode { what });
        }
        let bytecode = Bytecode::new_raw_checked(code.clone())
            .map_err(|error| EvmError::BadCode { what, reason: error.to_string() })?;
        if bytecode.is_eip7702() {
            return Err(EvmError::BadCode { what, reason: "it delegates to another account (EIP-7702)".into() });
        }
        let code_hash = keccak256(code);
        self.accounts.insert_account_info(
            address,
            AccountInfo { nonce: 1, code_hash, code: Some(bytecode), ..AccountInfo::default() },
        );
        Ok(code_hash)
    }

    /// Calls a contract as a transaction of its own would.
    ///
    /// # Errors
    /// [`EvmError::NotExecutable`] when no transaction can carry the call. How the call ends is in [`Call::outcome`].
    pub fn call(&self, to: Address, calldata: &Bytes) -> Result<Call, EvmError> {
        self.call_from(CALLER, to, calldata)
    }

    /// [`EmbeddedEvm::call`] with a given caller, which must have no code.
    ///
    /// # Errors
    /// As [`EmbeddedEvm::call`].
    pub fn call_from(&self, caller: Address, to: Address, calldata: &Bytes) -> Result<Call, EvmError> {
        let transaction = TxEnv::builder().caller(caller).call(to).data(calldata.clone());
        let result = self.run(transaction)?;
        let gas = gas_of(self.rules, result.gas(), calldata);
        let outcome = match result {
            ExecutionResult::Success { output, .. } => Outcome::Returned(output.into_data()),
            ExecutionResult::Revert { output, .. } => Outcome::Reverted(output),
            ExecutionResult::Halt { reason, .. } => Outcome::Halted(format!("{reason:?}")),
        };
        Ok(Call { outcome, gas })
    }

    /// Runs creation code and returns the runtime code it leaves behind: what a deployment has to look like, immutables
    /// included.
    ///
    /// # Errors
    /// [`EvmError::NotExecutable`] when it leaves none.
    pub fn create(&self, creation: &Bytes) -> Result<Bytes, EvmError> {
        match self.run(TxEnv::builder().caller(CALLER).create().data(creation.clone()))? {
            ExecutionResult::Success { output: Output::Create(code, _), .. } if !code.is_empty() => Ok(code),
            result => Err(EvmError::NotExecutable(format!("the creation code leaves no contract: {result:?}"))),
        }
    }

    fn run(&self, transaction: TxEnvBuilder) -> Result<ExecutionResult, EvmError> {
        let refused = |reason: String| EvmError::NotExecutable(reason);
        let mut evm = Context::mainnet()
            .with_ref_db(&self.accounts)
            .modify_cfg_chained(|cfg| {
                cfg.set_spec_and_mainnet_gas_params(self.rules);
                cfg.chain_id = self.chain_id;
            })
            .build_mainnet();
        // No fee: the caller owns nothing.
        let transaction = transaction
            .gas_limit(GAS_LIMIT)
            .gas_price(0)
            .chain_id(Some(self.chain_id))
            .build()
            .map_err(|error| refused(format!("{error:?}")))?;
        evm.transact_one(transaction).map_err(|error| refused(error.to_string()))
    }
}

fn gas_of(rules: SpecId, gas: &ResultGas, calldata: &[u8]) -> Gas {
    let before = calculate_initial_tx_gas(rules, calldata, false, 0, 0, 0, None).initial_regular_gas();
    Gas { transaction: gas.tx_gas_used(), execution: gas.total_gas_spent().saturating_sub(before) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{bytes, hex};

    const TARGET: Address = address!("0x00000000000000000000000000000000000000aa");

    fn run(code: &Bytes, calldata: &Bytes) -> Call {
        let mut evm = EmbeddedEvm::new(31337);
        evm.install(TARGET, code, "test code").unwrap();
        evm.call(TARGET, calldata).unwrap()
    }

    #[test]
    fn returns_and_counts_gas() {
        // PUSH1 42, PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN: 3 + 2 + (3 + 3) + 3 + 2 = 16 gas
        let call = run(&bytes!("602a5f5260205ff3"), &Bytes::new());
        let mut word = [0; 32];
        word[31] = 42;
        assert_eq!(
            call,
            Call { outcome: Outcome::Returned(word.into()), gas: Gas { transaction: 21_016, execution: 16 } }
        );
    }

    #[test]
    fn calldata_is_paid_for_at_least_at_the_floor_price() {
        // STOP. 100 bytes that are not zero: 400 tokens, floor 10 each (EIP-7623).
        let call = run(&bytes!("00"), &vec![1; 100].into());
        assert_eq!(call.gas, Gas { transaction: 21_000 + 4_000, execution: 0 });
    }

    #[test]
    fn older_rules_know_no_floor() {
        let mut evm = EmbeddedEvm::new(31337).with_rules(SpecId::CANCUN);
        evm.install(TARGET, &bytes!("00"), "test code").unwrap();
        let call = evm.call(TARGET, &vec![1; 100].into()).unwrap();
        assert_eq!(call.gas, Gas { transaction: 21_000 + 1_600, execution: 0 });
    }

    #[test]
    fn reverts_and_halts_are_told_apart() {
        // PUSH0, PUSH0, REVERT
        assert_eq!(run(&bytes!("5f5ffd"), &Bytes::new()).outcome, Outcome::Reverted(Bytes::new()));
        // INVALID
        let call = run(&bytes!("fe"), &Bytes::new());
        assert!(matches!(call.outcome, Outcome::Halted(_)));
        assert_eq!(call.gas.transaction, GAS_LIMIT);
        // JUMPDEST, PUSH0, JUMP: loops until the gas is gone
        assert!(
            matches!(run(&bytes!("5b5f56"), &Bytes::new()).outcome, Outcome::Halted(reason) if reason.contains("OutOfGas"))
        );
    }

    #[test]
    fn calls_leave_no_trace() {
        // SLOAD(0) + 1 -> SSTORE(0), return the new value
        let code = bytes!("5f54600101805f555f5260205ff3");
        let mut evm = EmbeddedEvm::new(1);
        evm.install(TARGET, &code, "test code").unwrap();
        let first = evm.call(TARGET, &Bytes::new()).unwrap();
        assert_eq!(first, evm.call(TARGET, &Bytes::new()).unwrap());
    }

    #[test]
    fn refuses_empty_and_delegated_code() {
        let mut evm = EmbeddedEvm::new(1);
        assert!(matches!(evm.install(TARGET, &Bytes::new(), "x").unwrap_err(), EvmError::NoCode { what: "x" }));
        let delegation = Bytes::from([&hex!("ef0100")[..], TARGET.as_slice()].concat());
        assert!(matches!(evm.install(TARGET, &delegation, "x").unwrap_err(), EvmError::BadCode { .. }));
        assert!(matches!(evm.install(TARGET, &bytes!("ef01"), "x").unwrap_err(), EvmError::BadCode { .. }));
    }

    #[test]
    fn a_call_that_no_transaction_can_carry_is_an_error() {
        let mut evm = EmbeddedEvm::new(1);
        evm.install(TARGET, &bytes!("00"), "x").unwrap();
        let huge = Bytes::from(vec![1; 2_000_000]);
        assert!(matches!(evm.call(TARGET, &huge).unwrap_err(), EvmError::NotExecutable(_)));
    }

    #[test]
    fn the_pairing_precompile_works_without_native_code() {
        // ecPairing of nothing: 1. PUSH1 32, PUSH0 x3, PUSH1 8, GAS, STATICCALL, POP, PUSH1 32, PUSH0, RETURN
        let call = run(&bytes!("60205f5f5f60085afa5060205ff3"), &Bytes::new());
        let mut one = [0; 32];
        one[31] = 1;
        assert_eq!(call.outcome, Outcome::Returned(one.into()));
    }
}
