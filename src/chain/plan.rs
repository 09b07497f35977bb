//! A transaction before it is signed: what it does, the gas it takes by the rules of the chain's fork, and what it may cost.

use super::{
    Budget, ChainError, Node,
    fees::{self, Fees},
    fork::{Fork, NewState},
    operator::Offer,
    sender::MAX_TRANSACTION_BYTES,
};
use alloy::{
    eips::eip2718::Encodable2718,
    network::TransactionBuilder,
    primitives::{Address, Bytes, U256},
    rpc::types::TransactionRequest,
};

/// What a transaction does.
#[derive(Clone, Debug)]
pub(super) struct Intent {
    /// In words.
    pub(super) what: String,
    /// `None` creates a contract.
    pub(super) to: Option<Address>,
    pub(super) data: Bytes,
    /// What it brings, in wei.
    pub(super) value: U256,
    /// The state that it makes, as far as that is known.
    pub(super) new_state: NewState,
}

/// Everything but the signature.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) request: TransactionRequest,
    pub(super) nonce: u64,
    pub(super) gas: u64,
    pub(super) fees: Fees,
    pub(super) l1_fee: U256,
    /// What it brings, in wei.
    pub(super) value: U256,
    pub(super) balance: U256,
}

impl Intent {
    pub(super) fn request(&self, from: Address) -> TransactionRequest {
        let request =
            TransactionRequest::default().with_from(from).with_input(self.data.clone()).with_value(self.value);
        match self.to {
            Some(to) => request.with_to(to),
            None => request.into_create(),
        }
    }

    fn advice(&self) -> &'static str {
        // Contracts are created without an address, or by the factory.
        if self.to.is_none() || self.new_state.code_bytes > 0 {
            "no chain under these rules deploys it: make the circuit smaller, or name the chain's fork with --fork"
        } else {
            "split the batch, with a proof for each part"
        }
    }

    /// The gas limit: what the node estimates, never less than the floor of the calldata, and a little more, since the state
    /// may change. Not much more, since a proof that fails after all can cost the whole limit.
    pub(super) fn gas(&self, estimate: u64, fork: Option<Fork>, block: u64) -> Result<u64, ChainError> {
        let is_creation = self.to.is_none();
        // A chain whose fork is not known is none without a floor, as far as anybody can tell.
        let floor = fork.unwrap_or(Fork::Osaka).rules().floor(&self.data, is_creation);
        let needed = estimate.max(floor);
        let rules = fork.map(Fork::rules);
        let state = rules.map_or(0, |rules| rules.state_gas(self.new_state));
        // State gas does not count against the cap.
        let cap = rules.and_then(|rules| rules.cap).map_or(block, |cap| cap.saturating_add(state).min(block));
        if needed > cap {
            return Err(ChainError::TooMuchGas {
                what: self.what.clone(),
                gas: needed,
                limit: cap,
                advice: self.advice(),
            });
        }
        Ok(needed.saturating_add(needed / 16).min(cap))
    }
}

impl Plan {
    /// Fills in gas, fees, nonce and chain, and checks that the account can pay.
    pub(super) async fn make(
        node: &Node,
        from: Address,
        intent: &Intent,
        budget: &Budget,
        fork: Option<Fork>,
    ) -> Result<Self, ChainError> {
        let request = intent.request(from);
        let estimate = node.estimate_gas(&intent.what, request.clone()).await?;
        let gas = intent.gas(estimate, fork.or_else(|| Fork::of_chain(node.chain_id())), node.gas_limit().await?)?;
        let fees = fees::quote(node, budget.max_fee).await?;
        let nonce = node.nonce(from, true).await?;
        let request = fees.fill(request).with_gas_limit(gas).with_nonce(nonce).with_chain_id(node.chain_id());
        let l1_fee = fees::l1_fee(node, unsigned(&request), gas).await?;
        let balance = node.balance(from).await?;
        let plan = Self { request, nonce, gas, fees, l1_fee, value: intent.value, balance };
        let needed = plan.ceiling();
        if balance < needed {
            let (what, chain_id) = (intent.what.clone(), node.chain_id());
            return Err(ChainError::InsufficientFunds { chain_id, account: from, what, needed, available: balance });
        }
        Ok(plan)
    }

    /// The most that it can cost, in wei, with what it brings.
    pub(super) fn ceiling(&self) -> U256 {
        let gas = U256::from(self.gas).saturating_mul(U256::from(self.fees.ceiling()));
        gas.saturating_add(self.l1_fee).saturating_add(self.value)
    }

    pub(super) fn offer(&self, node: &Node, from: Address, what: &str, budget: &Budget) -> Offer {
        Offer {
            what: what.into(),
            chain_id: node.chain_id(),
            account: from,
            balance: self.balance,
            gas: self.gas,
            price: self.fees.ceiling(),
            l1_fee: self.l1_fee,
            value: self.value,
            ceiling: self.ceiling(),
            max_cost: budget.max_cost,
        }
    }
}

/// Refuses what nodes do not take for its size.
pub(super) fn check_size(what: &str, size: usize) -> Result<(), ChainError> {
    if size > MAX_TRANSACTION_BYTES {
        return Err(ChainError::TransactionTooLarge { what: what.into(), size, limit: MAX_TRANSACTION_BYTES });
    }
    Ok(())
}

/// The transaction's bytes with a signature of nothing but `0xff`: as long as the real one, and as dear on an L1.
pub(super) fn unsigned(request: &TransactionRequest) -> Bytes {
    let signature = alloy::primitives::Signature::new(U256::MAX, U256::MAX, true);
    match request.clone().build_typed_tx() {
        Ok(transaction) => {
            let envelope: alloy::consensus::TxEnvelope =
                alloy::consensus::SignableTransaction::into_signed(transaction, signature).into();
            envelope.encoded_2718().into()
        }
        // Everything is filled in.
        Err(_) => Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: u64 = 30_000_000;

    fn call(data: Vec<u8>) -> Intent {
        let (to, new_state) = (Some(Address::ZERO), NewState::default());
        Intent { what: "a call".into(), to, data: data.into(), value: U256::ZERO, new_state }
    }

    #[test]
    fn the_floor_counts_where_it_is_more_than_the_estimate() {
        // 125 kB of proof and values: a batch of 300 of the smallest network.
        let intent = call(vec![1; 125_000]);
        let with_margin = |gas: u64| gas + gas / 16;
        assert_eq!(intent.gas(4_300_000, Some(Fork::Cancun), BLOCK).unwrap(), with_margin(4_300_000));
        assert_eq!(intent.gas(4_300_000, Some(Fork::Osaka), BLOCK).unwrap(), with_margin(21_000 + 5_000_000));
        assert_eq!(intent.gas(4_300_000, Some(Fork::Amsterdam), BLOCK).unwrap(), with_margin(15_000 + 8_000_000));
        assert_eq!(intent.gas(4_300_000, None, BLOCK).unwrap(), with_margin(5_021_000));
    }

    #[test]
    fn the_cap_is_the_forks_and_state_does_not_count_against_it() {
        let (cap, over) = (1 << 24, (1 << 24) + 1);
        let gas = |intent: &Intent, estimate, fork| intent.gas(estimate, fork, BLOCK);
        let intent = call(vec![]);
        assert_eq!(gas(&intent, cap, Some(Fork::Osaka)).unwrap(), cap);
        for fork in [Fork::Osaka, Fork::Amsterdam] {
            let error = gas(&intent, over, Some(fork)).unwrap_err();
            assert!(matches!(error, ChainError::TooMuchGas { limit, .. } if limit == cap), "{error}");
        }
        // Before the cap, and on chains that nobody knows here, a block is the limit.
        assert!(gas(&intent, over, Some(Fork::Prague)).is_ok() && gas(&intent, over, None).is_ok());
        assert!(matches!(gas(&intent, BLOCK + 1, None), Err(ChainError::TooMuchGas { limit: BLOCK, .. })));

        // The native verifier under EIP-8037: 31 M of state gas, which a larger block holds.
        let verifier = Intent { to: None, new_state: NewState::contract(20_209), ..call(vec![]) };
        let needed = 31_500_000;
        assert!(verifier.gas(needed, Some(Fork::Amsterdam), 100_000_000).is_ok());
        let error = verifier.gas(needed, Some(Fork::Osaka), 100_000_000).unwrap_err().to_string();
        assert!(!error.contains("batch"), "{error}");
    }
}
