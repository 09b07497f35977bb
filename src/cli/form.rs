//! How bundles are read and written.

use super::Failure;
use clap::ValueEnum;
use std::{io::Read, path::Path};
use zkinfer::proof::{Bundle, Compression, Encoding, Structure, bundle::MAX_BUNDLE_BYTES};

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
    pub(crate) fn encode(&self, structure: &Structure) -> Vec<u8> {
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
        structure.encode(encoding, compression)
    }
}

/// Reads and checks a file of bundles, in any structure and encoding; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<Structure, Failure> {
    let cannot = |error| Failure::Input(format!("cannot read {}: {error}", path.display()));
    let mut bytes = Vec::new();
    let limit = MAX_BUNDLE_BYTES as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(cannot)?;
    } else {
        let file = std::fs::File::open(path).map_err(cannot)?;
        file.take(limit).read_to_end(&mut bytes).map_err(cannot)?;
    }
    Structure::decode(&bytes).map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
}

/// Reads a bundle alone.
pub(crate) fn read_bundle(path: &Path) -> Result<Bundle, Failure> {
    match read(path)? {
        Structure::Single(bundle) => Ok(*bundle),
        several => {
            let (shown, count) = (path.display(), several.bundles().len());
            Err(Failure::Input(format!("{shown} is a {} of {count} bundles; give one at a time", kind(&several))))
        }
    }
}

/// What a structure is called.
pub(crate) const fn kind(structure: &Structure) -> &'static str {
    match structure {
        Structure::Single(_) => "bundle",
        Structure::Aggregated(_) if structure.is_linked() => "chain",
        Structure::Aggregated(_) => "list",
        Structure::Recursive(_) => "tree",
    }
}
