//! A connection to a node that is not the library's own.

use alloy::providers::{ProviderBuilder, RootProvider};
use zkinfer::chain::Devnet;

pub(crate) fn provider(devnet: &Devnet) -> RootProvider {
    // The library gives each of its clients a TLS provider; alloy's own client takes the one of the process. Another test
    // may have named it.
    rustls::crypto::ring::default_provider().install_default().ok();
    ProviderBuilder::default().connect_http(devnet.endpoint().parse().unwrap())
}
