//! How bundles are written.

use clap::ValueEnum;
use zkinfer::proof::{Bundle, Compression, Encoding, Structure};

/// The form of a bundle file. Every command reads all of them.
#[derive(Debug, clap::Args)]
pub(crate) struct FormArgs {
    /// How the bundle is written.
    #[arg(long, value_enum, default_value = "standard")]
    encoding: Form,

    /// How much work goes into making it small.
    #[arg(long, value_enum, default_value = "none")]
    compression: Level,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// JSON.
    Standard,
    /// Canonical binary.
    Compact,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    /// As encoded.
    None,
    /// zstd 1.
    Fast,
    /// zstd 6.
    Balanced,
    /// zstd 19.
    Maximum,
}

impl FormArgs {
    pub(crate) fn encode(&self, bundle: &Bundle) -> Vec<u8> {
        let encoding = match self.encoding {
            Form::Standard => Encoding::Standard,
            Form::Compact => Encoding::Compact,
        };
        let compression = match self.compression {
            Level::None => Compression::None,
            Level::Fast => Compression::Fast,
            Level::Balanced => Compression::Balanced,
            Level::Maximum => Compression::Maximum,
        };
        Structure::from(bundle.clone()).encode(encoding, compression)
    }
}
