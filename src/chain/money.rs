//! Amounts as people read and write them.

use alloy::primitives::U256;

/// Wei in a unit of a chain's currency.
const DECIMALS: usize = 18;
const GWEI_DECIMALS: usize = 9;

/// What a chain's currency is called; `units` where that is not known here.
#[must_use]
pub const fn currency(chain_id: u64) -> &'static str {
    match chain_id {
        1 | 10 | 324 | 8453 | 42_161 | 59_144 | 534_352 | 17_000 | 560_048 | 11_155_111 | 84_532 | 11_155_420
        | 31337 | 1337 => "ETH",
        56 => "BNB",
        100 => "xDAI",
        137 => "POL",
        143 => "MON",
        5000 => "MNT",
        43_114 => "AVAX",
        _ => "units",
    }
}

/// An amount of wei in units of the chain's currency: `0.0125 ETH`.
#[must_use]
pub fn amount(wei: U256, chain_id: u64) -> String {
    format!("{} {}", decimal(wei, DECIMALS), currency(chain_id))
}

/// A price per gas: `2.5 gwei`.
#[must_use]
pub fn price(wei: u128) -> String {
    format!("{} gwei", decimal(U256::from(wei), GWEI_DECIMALS))
}

fn decimal(number: U256, decimals: usize) -> String {
    let digits = format!("{:0>width$}", number.to_string(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

/// Reads an amount in units of a currency, such as `0.05`.
///
/// # Errors
/// A sentence.
pub fn parse_amount(text: &str) -> Result<U256, String> {
    parse(text, DECIMALS)
        .ok_or_else(|| format!("`{text}` is no amount: write it in the chain's currency, such as 0.05"))
}

/// Reads a price per gas in gwei, such as `2.5`.
///
/// # Errors
/// A sentence.
pub fn parse_price(text: &str) -> Result<u128, String> {
    let wei = parse(text, GWEI_DECIMALS).and_then(|wei| u128::try_from(wei).ok());
    wei.ok_or_else(|| format!("`{text}` is no price: write it in gwei per gas, such as 2.5"))
}

fn parse(text: &str, decimals: usize) -> Option<U256> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    // 30 digits before the point are more than there is of any currency, and no overflow.
    if whole.is_empty() || whole.len() > 30 || fraction.len() > decimals || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    format!("{whole}{fraction:0<decimals$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_shown_without_idle_zeros() {
        let wei = |text: &str| text.parse::<U256>().unwrap();
        for (number, shown) in [
            ("0", "0 ETH"),
            ("1", "0.000000000000000001 ETH"),
            ("1000000000000000000", "1 ETH"),
            ("12500000000000000", "0.0125 ETH"),
        ] {
            assert_eq!(amount(wei(number), 1), shown);
        }
        assert_eq!((amount(U256::ZERO, 999_999).as_str(), price(2_500_000_000).as_str()), ("0 units", "2.5 gwei"));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", ".", ".5", "-1", "1e3", "1.0.0", "0x1", " 1", "1,5", &"9".repeat(31), "0.0000000000000000001"]
        {
            assert!(parse_amount(text).is_err(), "{text}");
        }
        assert_eq!(parse_amount("0.05"), Ok(U256::from(50_000_000_000_000_000_u64)));
        assert_eq!(parse_price("2.5"), Ok(2_500_000_000));
        assert_eq!(parse_price("7."), Ok(7_000_000_000));
        assert!(parse_price("0.0000000001").is_err());
    }

    proptest! {
        #[test]
        fn what_is_shown_is_what_is_read(wei in any::<u128>()) {
            let shown = amount(U256::from(wei), 1);
            prop_assert_eq!(parse_amount(shown.strip_suffix(" ETH").unwrap()), Ok(U256::from(wei)));
        }
    }
}
