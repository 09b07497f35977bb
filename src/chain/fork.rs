//! What a fork's rules say about gas: the cap of a transaction, the floor of its calldata, the price of new state.
//!
//! One table, [`Fork::rules`]. A chain is on a fork that is known here ([`Fork::of_chain`]), or one is named by the user; of
//! other chains only the node's word counts. What belongs to no released fork is marked as a draft: its numbers change.
//!
//! Sources: EIP-7623 (floor), EIP-7825 (cap); Amsterdam, all drafts in last call: EIP-2780 (base), EIP-7976 (floor), EIP-8037
//! (state gas), EIP-8038 (state access).

use crate::evm::embedded::SpecId;
use serde::{Deserialize, Serialize};

/// A set of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fork {
    /// March 2024: no floor, no cap.
    Cancun,
    /// May 2025: the floor.
    Prague,
    /// December 2025: the cap.
    Osaka,
    /// Glamsterdam's execution side. A DRAFT.
    Amsterdam,
}

/// What calldata cost at least, beside what executing costs (EIP-7623, EIP-7976).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    /// Of a call, without its calldata: the sender and, under EIP-2780, a cold recipient.
    pub call_base: u64,
    /// Of a creation.
    pub creation_base: u64,
    /// For a byte that is zero.
    pub zero_byte: u64,
    /// For any other byte.
    pub other_byte: u64,
}

/// What new state costs (EIP-8037): a second kind of gas, paid like the first and not counted against the cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateGas {
    /// For a byte of state.
    pub per_byte: u64,
    /// The bytes that a new storage slot counts as.
    pub slot_bytes: u64,
    /// The bytes that a new account counts as.
    pub account_bytes: u64,
}

/// The rules of a fork, as far as they matter to whoever sends claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whether its numbers may still change.
    pub is_draft: bool,
    /// The most gas of a transaction, but for state gas (EIP-7825). `None`: a block's.
    pub cap: Option<u64>,
    /// `None`: calldata have no floor.
    pub floor: Option<Floor>,
    /// `None`: state is paid for as execution is.
    pub state: Option<StateGas>,
}

const FLOOR_7623: Floor = Floor { call_base: 21_000, creation_base: 21_000, zero_byte: 10, other_byte: 40 };
/// 2^24 (EIP-7825).
const CAP: u64 = 1 << 24;

impl Fork {
    /// Every fork, oldest first.
    pub const ALL: [Self; 4] = [Self::Cancun, Self::Prague, Self::Osaka, Self::Amsterdam];

    /// Its rules.
    #[must_use]
    pub const fn rules(self) -> Rules {
        match self {
            Self::Cancun => Rules { is_draft: false, cap: None, floor: None, state: None },
            Self::Prague => Rules { is_draft: false, cap: None, floor: Some(FLOOR_7623), state: None },
            Self::Osaka => Rules { is_draft: false, cap: Some(CAP), floor: Some(FLOOR_7623), state: None },
            Self::Amsterdam => Rules {
                is_draft: true,
                cap: Some(CAP),
                // 12,000 for the sender; 3,000 for a cold recipient, 12,000 for a new account.
                floor: Some(Floor { call_base: 15_000, creation_base: 24_000, zero_byte: 64, other_byte: 64 }),
                state: Some(StateGas { per_byte: 1530, slot_bytes: 64, account_bytes: 120 }),
            },
        }
    }

    /// The fork that a chain is on, if this release knows: Ethereum's, its test chains', and that of development nodes.
    #[must_use]
    pub const fn of_chain(chain_id: u64) -> Option<Self> {
        match chain_id {
            1 | 11_155_111 | 560_048 | 17_000 | 31337 | 1337 => Some(Self::Osaka),
            _ => None,
        }
    }

    /// The same rules in the embedded EVM.
    #[must_use]
    pub const fn spec(self) -> SpecId {
        match self {
            Self::Cancun => SpecId::CANCUN,
            Self::Prague => SpecId::PRAGUE,
            Self::Osaka => SpecId::OSAKA,
            Self::Amsterdam => SpecId::AMSTERDAM,
        }
    }

    /// Its name, as `--fork` takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cancun => "cancun",
            Self::Prague => "prague",
            Self::Osaka => "osaka",
            Self::Amsterdam => "amsterdam",
        }
    }
}

impl Rules {
    /// What a transaction with these calldata costs at least, however little it executes. 0 before Prague.
    #[must_use]
    pub fn floor(&self, calldata: &[u8], is_creation: bool) -> u64 {
        let Some(floor) = self.floor else { return 0 };
        let zeros = calldata.iter().filter(|byte| **byte == 0).count() as u64;
        let others = calldata.len() as u64 - zeros;
        let base = if is_creation { floor.creation_base } else { floor.call_base };
        base + zeros * floor.zero_byte + others * floor.other_byte
    }

    /// What so much new state costs beside execution.
    #[must_use]
    pub fn state_gas(&self, new: NewState) -> u64 {
        let Some(state) = self.state else { return 0 };
        let bytes = new.slots * state.slot_bytes + new.accounts * state.account_bytes + new.code_bytes;
        bytes * state.per_byte
    }
}

/// The state that a transaction makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewState {
    /// Storage slots that were zero.
    pub slots: u64,
    /// Accounts that did not exist.
    pub accounts: u64,
    /// Bytes of their code.
    pub code_bytes: u64,
}

impl NewState {
    /// A contract with so many bytes of run-time code.
    #[must_use]
    pub const fn contract(code_bytes: usize) -> Self {
        Self { slots: 0, accounts: 1, code_bytes: code_bytes as u64 }
    }

    /// So many claims: a slot each.
    #[must_use]
    pub const fn claims(count: usize) -> Self {
        Self { slots: count as u64, accounts: 0, code_bytes: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evm::EmbeddedEvm;
    use alloy::primitives::{Address, Bytes, bytes};

    const TARGET: Address = Address::repeat_byte(0xaa);

    /// Calldata that cost more than the nothing that is executed: the machine charges what the table says.
    #[test]
    fn the_floor_is_the_machines_under_every_fork() {
        let calldata = Bytes::from([vec![0; 300], vec![7; 700]].concat());
        for fork in Fork::ALL {
            let mut evm = EmbeddedEvm::new(1).with_rules(fork.spec());
            evm.install(TARGET, &bytes!("00"), "test code").unwrap();
            let gas = evm.call(TARGET, &calldata).unwrap().gas.transaction;
            let expected = match fork.rules().floor(&calldata, false) {
                0 => 21_000 + 300 * 4 + 700 * 16,
                floor => floor,
            };
            assert_eq!(gas, expected, "{fork:?}");
        }
        // EIP-7976 over EIP-2780: a call starts at 15,000, and a byte is 64 whatever it is.
        assert_eq!(Fork::Amsterdam.rules().floor(&calldata, false), 15_000 + 64_000);
        assert_eq!(Fork::Osaka.rules().floor(&calldata, false), 21_000 + 3_000 + 28_000);
        assert_eq!(Fork::Cancun.rules().floor(&calldata, false), 0);
    }

    #[test]
    fn state_is_paid_by_the_byte_in_the_draft_alone() {
        let draft = Fork::Amsterdam.rules();
        assert_eq!(draft.state_gas(NewState::claims(1)), 97_920);
        assert_eq!(draft.state_gas(NewState::contract(0)), 183_600);
        assert_eq!(draft.state_gas(NewState::contract(20_209)) - 183_600, 30_919_770);
        for fork in [Fork::Cancun, Fork::Prague, Fork::Osaka] {
            assert_eq!(fork.rules().state_gas(NewState::claims(16)), 0);
            assert!(!fork.rules().is_draft);
        }
        assert!(draft.is_draft && Fork::of_chain(1) == Some(Fork::Osaka) && Fork::of_chain(8453).is_none());
    }
}
