//! The file as it is written: every value with its place, nothing judged yet.

use super::{
    Assurance, Grouping, Place, PolicyError,
    values::{Amount, Contract, Final, Price, Seconds},
};
use crate::chain::Fork;
use alloy::primitives::B256;
use serde::Deserialize;
use std::ops::Range;
use toml::Spanned;

/// The largest file that is read, in bytes.
pub(super) const MAX_BYTES: u64 = 1 << 20;

/// A value with its place.
pub(super) type At<T> = Option<Spanned<T>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) version: Spanned<u32>,
    pub(super) chain: Spanned<ChainTable>,
    pub(super) contracts: Spanned<ContractsTable>,
    #[serde(default)]
    pub(super) fees: FeesTable,
    #[serde(default)]
    pub(super) budget: BudgetTable,
    #[serde(default)]
    pub(super) content: ContentTable,
    pub(super) default: Option<Spanned<TreatmentTable>>,
    #[serde(default)]
    pub(super) rule: Vec<Spanned<RuleTable>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChainTable {
    pub(super) id: u64,
    pub(super) endpoints: Spanned<Vec<Spanned<String>>>,
    pub(super) quorum: At<usize>,
    pub(super) confirmations: At<u64>,
    pub(super) finality: At<Final>,
    pub(super) fork: At<Fork>,
    pub(super) account: Option<Contract>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContractsTable {
    pub(super) proof_registry: At<Contract>,
    pub(super) claim_registry: At<Contract>,
    pub(super) from_block: At<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeesTable {
    pub(super) max_fee: At<Price>,
    pub(super) max_cost: At<Amount>,
    pub(super) replace_after: At<Seconds>,
    pub(super) answer_max_fee: At<Price>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BudgetTable {
    pub(super) per_day: At<Amount>,
    pub(super) reserve: At<Amount>,
    pub(super) alarm_below: At<Amount>,
    pub(super) bonded: At<Amount>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContentTable {
    pub(super) stores: At<Vec<Spanned<String>>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TreatmentTable {
    pub(super) assurance: At<Assurance>,
    pub(super) grouping: At<Grouping>,
    pub(super) ceiling: At<Amount>,
    pub(super) latency: At<Seconds>,
    pub(super) deadline: At<Seconds>,
    pub(super) batch: At<BatchTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleTable {
    pub(super) model: At<B256>,
    pub(super) job: At<B256>,
    pub(super) assurance: At<Assurance>,
    pub(super) grouping: At<Grouping>,
    pub(super) ceiling: At<Amount>,
    pub(super) latency: At<Seconds>,
    pub(super) deadline: At<Seconds>,
    pub(super) batch: At<BatchTable>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchTable {
    pub(super) size: At<usize>,
    pub(super) age: At<Seconds>,
    pub(super) send_below: At<Price>,
    pub(super) hold_above: At<Price>,
}

impl RuleTable {
    /// Without whom it is for.
    pub(super) fn treatment(&self) -> TreatmentTable {
        TreatmentTable {
            assurance: self.assurance.clone(),
            grouping: self.grouping.clone(),
            ceiling: self.ceiling.clone(),
            latency: self.latency.clone(),
            deadline: self.deadline.clone(),
            batch: self.batch.clone(),
        }
    }
}

/// The text, to tell lines by.
pub(super) struct Source<'a>(pub(super) &'a str);

impl Source<'_> {
    pub(super) fn read(&self) -> Result<File, PolicyError> {
        toml::from_str(self.0).map_err(|error| PolicyError::Malformed {
            line: error.span().map(|span| self.line(&span)),
            message: without_values(error.message()),
        })
    }

    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        let before = self.0.as_bytes().get(..span.start).unwrap_or_default();
        1 + before.iter().filter(|&&byte| byte == b'\n').count()
    }

    pub(super) fn place<T>(&self, key: impl Into<String>, value: &Spanned<T>) -> Place {
        Place { key: key.into(), line: self.line(&value.span()) }
    }
}

/// A message without what it quotes of the file: an endpoint in the wrong place may hold an access key. Keys stand in backticks and are kept,
/// unless they are as long as a secret.
fn without_values(message: &str) -> String {
    let mut shown = String::with_capacity(message.len());
    let mut quoted = false;
    for part in message.split_inclusive('"') {
        let (text, end) = part.strip_suffix('"').map_or((part, ""), |text| (text, "\""));
        shown += if quoted { "…" } else { text };
        shown += end;
        quoted = !quoted && !end.is_empty();
    }
    let words = shown.split(' ').map(|word| if word.chars().count() > 40 { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_repeat_no_values() {
        let key = "4f3edf983ac636a65a842ce7c78d9aa706d3b113bce9c46f30d7d21715b23b1d";
        for (message, shown) in [
            ("unknown field `stores`, expected one of `a`", "unknown field `stores`, expected one of `a`"),
            ("invalid type: string \"https://x/secret\", expected u32", "invalid type: string \"…\", expected u32"),
            (&format!("unknown field `{key}`, expected"), "unknown field … expected"),
        ] {
            assert_eq!(without_values(message), shown);
        }
    }
}
