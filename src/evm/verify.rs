//! Verifying a proof with the contracts' own code, in the embedded EVM.
//!
//! What counts as which answer:
//!
//! | the contract | answer |
//! |---|---|
//! | accepts | [`Verdict::Valid`] |
//! | reverts with `ProofInvalid`, or without data (how generated verifiers refuse) | [`Verdict::Invalid`] |
//! | uses up the gas of a transaction | [`Verdict::Invalid`]: no transaction could record the claim |
//! | reverts with any other error: malformed values, missing code | [`EvmError::Refused`] |
//! | returns something else, or meets an exception | [`EvmError::UnexpectedReturn`], [`EvmError::Halted`] |

use super::{
    Call, EmbeddedEvm, EvmError, Gas, Outcome, Page, Refusal, artifacts,
    bindings::{IBatchVerifierAdapter, IEzklVerifier, IVerifierAdapter, ModelKey},
};
use crate::proof::Verdict;
use alloy::{
    primitives::{Address, B256, Bytes, U256, address, keccak256},
    sol_types::SolCall,
};
use serde::Serialize;

/// Where contracts stand in the embedded EVM when no chain says so.
const VERIFIER: Address = address!("0x5afe000000000000000000000000000000000001");
const ADAPTER: Address = address!("0x5afe000000000000000000000000000000000002");
/// Other places for the adapter, in whose way a model's code and four pages cannot all be.
const OTHERS: u8 = 16;

/// Verifiers are to give the same answer on every chain, so the chain id is none that exists.
const NO_CHAIN: u64 = 0;

/// A verdict and what it costs to get it on-chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EvmVerification {
    /// What the contract answered.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The price of this call.
    pub gas: Gas,
}

impl EvmVerification {
    /// Whether it ended because the gas of a transaction was gone, in the adapter or in what it called: the proof may be
    /// valid, but no transaction can say so.
    #[must_use]
    pub fn used_up_gas(&self) -> bool {
        // A call gets 63 of 64 parts of what is left.
        !self.verdict.is_valid() && self.gas.transaction > super::embedded::GAS_LIMIT / 64 * 62
    }
}

/// The code behind a model id.
#[derive(Clone, Copy, Debug)]
pub struct Contracts<'a> {
    /// The adapter's run-time code. What it calls besides is this release's ([`artifacts::part_of`]): its code names the hash.
    pub adapter: &'a Bytes,
    /// The model's own code, which is installed at `modelCode`; `None` for adapters that need none.
    pub model_code: Option<&'a Bytes>,
    /// What the model's own code names by address. A page without code is not there.
    pub pages: &'a [Page],
}

impl Contracts<'_> {
    /// Calls `verify` of the adapter, which calls or reads the model's own code: what `ProofRegistry.submit` does on-chain.
    ///
    /// # Errors
    /// [`EvmError`] when there is no verdict; see the module's table.
    pub fn verify(
        &self,
        key: &ModelKey,
        context_id: B256,
        public_values: &Bytes,
        proof: &Bytes,
    ) -> Result<EvmVerification, EvmError> {
        self.run(key, &adapter_call(key, context_id, public_values, proof))
    }

    /// Like [`Contracts::verify`] for one proof of several statements, each a context id with public values: calls
    /// `verifyBatch`, which not every adapter has.
    ///
    /// # Errors
    /// [`EvmError`] when there is no verdict; see the module's table.
    pub fn verify_batch(
        &self,
        key: &ModelKey,
        statements: &[(B256, Bytes)],
        proof: &Bytes,
    ) -> Result<EvmVerification, EvmError> {
        self.run(key, &batch_call(key, statements, proof))
    }

    fn run<C: SolCall>(&self, key: &ModelKey, call: &C) -> Result<EvmVerification, EvmError> {
        let mut evm = EmbeddedEvm::new(NO_CHAIN);
        for page in self.pages.iter().filter(|page| !page.code.is_empty()) {
            evm.install(page.address, &page.code, "page of the model's program")?;
        }
        if let Some(code) = self.model_code {
            evm.install(key.modelCode, code, "model's code")?;
        }
        let part = artifacts::part_of(keccak256(self.adapter));
        let adapter = self.free_place(key);
        evm.install(adapter, self.adapter, "adapter")?;
        if let Some(part) = part {
            evm.install(part_place(adapter), &part.deployed_bytecode, "adapter's part")?;
        }
        judge(evm.call(adapter, &call.abi_encode().into())?, &Bytes::new())
    }

    /// A place for the adapter, and for its part, where nothing else is.
    fn free_place(&self, key: &ModelKey) -> Address {
        let taken = |at: Address| key.modelCode == at || self.pages.iter().any(|page| page.address == at);
        let places = (0..OTHERS).map(|number| {
            let mut place = ADAPTER;
            place[18] = number;
            place
        });
        places.into_iter().find(|&place| !taken(place) && !taken(part_place(place))).unwrap_or(ADAPTER)
    }
}

/// Where an adapter's part is: the first contract that the adapter has created.
#[must_use]
pub fn part_place(adapter: Address) -> Address {
    adapter.create(1)
}

/// Calls `verifyProof(proof, instances)` of a generated EZKL verifier. `instances` are field elements.
///
/// # Errors
/// [`EvmError`] when there is no verdict; see the module's table.
pub fn verify_ezkl(verifier: &Bytes, instances: &[U256], proof: &Bytes) -> Result<EvmVerification, EvmError> {
    let mut evm = EmbeddedEvm::new(NO_CHAIN);
    evm.install(VERIFIER, verifier, "generated verifier")?;
    let call = IEzklVerifier::verifyProofCall { proof: proof.clone(), instances: instances.to_vec() };
    let one = Bytes::from(U256::from(1).to_be_bytes::<32>());
    judge(evm.call(VERIFIER, &call.abi_encode().into())?, &one)
}

/// Calls `verify` of an adapter, which calls the model's own code: what `ProofRegistry.submit` does on-chain.
///
/// `model_code` is installed at `key.modelCode`; `None` is for adapters that need no code of the model's own.
///
/// # Errors
/// [`EvmError`] when there is no verdict; see the module's table.
pub fn verify_through_adapter(
    adapter: &Bytes,
    model_code: Option<&Bytes>,
    key: &ModelKey,
    context_id: B256,
    public_values: &Bytes,
    proof: &Bytes,
) -> Result<EvmVerification, EvmError> {
    Contracts { adapter, model_code, pages: &[] }.verify(key, context_id, public_values, proof)
}

/// Like [`verify_through_adapter`] for one proof of several statements, each a context id with public values: calls
/// `verifyBatch`, which not every adapter has.
///
/// # Errors
/// [`EvmError`] when there is no verdict; see the module's table.
pub fn verify_batch_through_adapter(
    adapter: &Bytes,
    model_code: Option<&Bytes>,
    key: &ModelKey,
    statements: &[(B256, Bytes)],
    proof: &Bytes,
) -> Result<EvmVerification, EvmError> {
    Contracts { adapter, model_code, pages: &[] }.verify_batch(key, statements, proof)
}

/// The call that [`Contracts::verify_batch`] makes, for making it elsewhere.
#[must_use]
pub fn batch_call(
    key: &ModelKey,
    statements: &[(B256, Bytes)],
    proof: &Bytes,
) -> IBatchVerifierAdapter::verifyBatchCall {
    let (contexts, values) = statements.iter().cloned().unzip();
    IBatchVerifierAdapter::verifyBatchCall {
        model: key.clone(),
        contextIds: contexts,
        publicValues: values,
        proof: proof.clone(),
    }
}

/// The call that [`Contracts::verify`] makes, for making it elsewhere.
#[must_use]
pub fn adapter_call(
    key: &ModelKey,
    context_id: B256,
    public_values: &Bytes,
    proof: &Bytes,
) -> IVerifierAdapter::verifyCall {
    IVerifierAdapter::verifyCall {
        model: key.clone(),
        contextId: context_id,
        publicValues: public_values.clone(),
        proof: proof.clone(),
    }
}

fn judge(call: Call, acceptance: &Bytes) -> Result<EvmVerification, EvmError> {
    let gas = call.gas;
    let verdict = match call.outcome {
        Outcome::Returned(data) if data == *acceptance => Verdict::Valid,
        Outcome::Returned(data) => return Err(EvmError::UnexpectedReturn(data)),
        Outcome::Reverted(data) => match Refusal::decode(&data) {
            Refusal::ProofInvalid => Verdict::invalid("the adapter did not accept the proof (ProofInvalid)"),
            Refusal::Silent => Verdict::invalid("the verifier contract refused the proof"),
            refusal => return Err(EvmError::Refused { refusal }),
        },
        Outcome::Halted(reason) if reason.starts_with("OutOfGas") => Verdict::invalid(format!(
            "the verifier contract used up the {} gas of a transaction without accepting the proof",
            super::embedded::GAS_LIMIT
        )),
        Outcome::Halted(reason) => return Err(EvmError::Halted { reason, gas: gas.transaction }),
    };
    Ok(EvmVerification { verdict, gas })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::bytes;

    // Stand-ins, to test what is made of a contract's answer; no verifier.
    const RETURNS_ONE: Bytes = bytes!("60015f5260205ff3");
    const RETURNS_ZERO: Bytes = bytes!("60205ff3");
    const REVERTS: Bytes = bytes!("5f5ffd");
    const LOOPS: Bytes = bytes!("5b5f56");
    const INVALID_OPCODE: Bytes = bytes!("fe");

    fn direct(code: &Bytes) -> Result<EvmVerification, EvmError> {
        verify_ezkl(code, &[U256::from(1)], &Bytes::from(vec![7; 64]))
    }

    fn key(model_code: Address) -> ModelKey {
        ModelKey {
            modelId: B256::repeat_byte(1),
            modelCode: model_code,
            vkDigest: B256::repeat_byte(2),
            schemaHash: B256::repeat_byte(3),
            srsId: B256::repeat_byte(4),
        }
    }

    /// The real adapter over a stand-in verifier.
    fn adapted(code: &Bytes, values: &[u8], proof: &[u8]) -> Result<EvmVerification, EvmError> {
        let adapter = &crate::evm::artifacts::ezkl_adapter().deployed_bytecode;
        let values = Bytes::copy_from_slice(values);
        let proof = Bytes::copy_from_slice(proof);
        verify_through_adapter(adapter, Some(code), &key(VERIFIER), B256::ZERO, &values, &proof)
    }

    #[test]
    fn a_direct_call_is_valid_only_if_it_returns_one() {
        assert!(direct(&RETURNS_ONE).unwrap().verdict.is_valid());
        assert!(!direct(&REVERTS).unwrap().verdict.is_valid());
        assert!(!direct(&LOOPS).unwrap().verdict.is_valid());
        assert!(matches!(direct(&RETURNS_ZERO).unwrap_err(), EvmError::UnexpectedReturn(_)));
        assert!(matches!(direct(&INVALID_OPCODE).unwrap_err(), EvmError::Halted { .. }));
        assert!(matches!(direct(&Bytes::new()).unwrap_err(), EvmError::NoCode { .. }));
        // STOP: success without the word 1, as of an address without code
        assert!(matches!(direct(&bytes!("00")).unwrap_err(), EvmError::UnexpectedReturn(_)));
    }

    #[test]
    fn through_the_adapter_everything_but_the_word_one_is_invalid() {
        let word = [0; 32];
        assert!(adapted(&RETURNS_ONE, &word, &word).unwrap().verdict.is_valid());
        for code in [RETURNS_ZERO, REVERTS, INVALID_OPCODE, LOOPS, bytes!("00")] {
            assert!(!adapted(&code, &word, &word).unwrap().verdict.is_valid(), "{code}");
        }
    }

    #[test]
    fn malformed_values_and_missing_code_are_errors_not_verdicts() {
        let word = [0; 32];
        let refusal = |result: Result<EvmVerification, EvmError>| match result.unwrap_err() {
            EvmError::Refused { refusal } => refusal,
            error => panic!("{error}"),
        };
        assert_eq!(refusal(adapted(&RETURNS_ONE, &word[1..], &word)), Refusal::PublicValuesLength(U256::from(31)));
        assert_eq!(refusal(adapted(&RETURNS_ONE, &word, &word[1..])), Refusal::ProofLength(U256::from(31)));
        assert_eq!(refusal(adapted(&RETURNS_ONE, &[0x7f; 64], &word)), Refusal::ValueOutOfRange(U256::ZERO));
        let adapter = &crate::evm::artifacts::ezkl_adapter().deployed_bytecode;
        let missing = verify_through_adapter(adapter, None, &key(VERIFIER), B256::ZERO, &Bytes::new(), &Bytes::new());
        assert_eq!(refusal(missing), Refusal::NoCode(VERIFIER));
    }

    #[test]
    fn the_adapter_makes_room_for_the_models_address() {
        let adapter = &crate::evm::artifacts::ezkl_adapter().deployed_bytecode;
        let at = |address| {
            let (values, proof) = (Bytes::from(vec![0; 32]), Bytes::from(vec![0; 32]));
            verify_through_adapter(adapter, Some(&RETURNS_ONE), &key(address), B256::ZERO, &values, &proof).unwrap()
        };
        assert!(at(ADAPTER).verdict.is_valid());
        assert!(at(VERIFIER).verdict.is_valid());
        assert!(at(part_place(ADAPTER)).verdict.is_valid());
    }
}
