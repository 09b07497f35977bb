//! What the model id binds of EZKL artifacts, derived from their files: the key, the settings that the circuit's gates are
//! made from, the length of a proof, and the SRS. None of it needs EZKL.

use super::{
    SETTINGS, VERIFY_SRS, VERSION, VK,
    circuit::details,
    protocol::{RunArgs, SettingsResult, Visibility},
    srs,
};
use crate::{
    backend::{Artifacts, ArtifactsError, BackendError, SrsKind},
    evm,
    proof::{
        TensorSchema,
        bundle::BackendName,
        identity,
        schema::{Direction, NO_AXIS, Visibility as TensorVisibility},
    },
};
use alloy::primitives::{B256, I256, U256};
use serde::Deserialize;
use std::{fs, io::Read, path::Path};

/// The largest verifying key or settings file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// The digest of the files in `dir`, part of the model id.
pub(super) fn vk_digest(dir: &Path, proof_bytes: u64) -> Result<B256, BackendError> {
    let [vk, settings] = [VK, SETTINGS].map(|name| read(&dir.join(name)));
    Ok(identity::ezkl_vk_digest(&vk?, &settings?, proof_bytes))
}

/// The part of `settings.json` that is read here.
#[derive(Deserialize)]
struct Settings {
    run_args: Chosen,
    #[serde(flatten)]
    made: SettingsResult,
}

/// EZKL writes visibilities with a capital letter, and anything but a plain word in a form of its own.
#[derive(Deserialize)]
struct Chosen {
    input_visibility: serde_json::Value,
    output_visibility: serde_json::Value,
    param_visibility: serde_json::Value,
    input_scale: i32,
    param_scale: i32,
    scale_rebase_multiplier: u32,
    logrows: u32,
    num_inner_cols: usize,
    decomp_base: usize,
    decomp_legs: usize,
    lookup_range: Option<(i64, i64)>,
    disable_freivalds: Option<bool>,
}

impl Chosen {
    fn run_args(self) -> RunArgs {
        let word = |value: serde_json::Value| match value.as_str().map(str::to_lowercase).as_deref() {
            Some("public") => Visibility::Public,
            Some("fixed") => Visibility::Fixed,
            Some("private") => Visibility::Private,
            _ => Visibility::Other,
        };
        RunArgs {
            input_visibility: word(self.input_visibility),
            output_visibility: word(self.output_visibility),
            param_visibility: word(self.param_visibility),
            input_scale: self.input_scale,
            param_scale: self.param_scale,
            scale_rebase_multiplier: self.scale_rebase_multiplier,
            logrows: self.logrows,
            num_inner_cols: self.num_inner_cols,
            decomp_base: self.decomp_base,
            decomp_legs: self.decomp_legs,
            lookup_range: self.lookup_range,
            disable_freivalds: self.disable_freivalds,
        }
    }
}

/// Compares files and manifest with the model id, and the SRS's points with its id.
///
/// # Errors
/// [`ArtifactsError::Contradiction`] names the file and both values.
pub(in crate::backend) fn check(artifacts: &Artifacts) -> Result<SrsKind, BackendError> {
    artifacts.expect_backend(BackendName::Ezkl, VERSION)?;
    let (of, manifest) = (artifacts.identity(), artifacts.manifest_path());
    let (vk, settings, points) = (artifacts.file(VK)?, artifacts.file(SETTINGS)?, artifacts.file(VERIFY_SRS)?);
    let digest = vk_digest(artifacts.dir(), of.proof_bytes)?;
    ArtifactsError::expect(&vk, "the digest of key, settings and proof length", digest, of.vk_digest)?;
    ArtifactsError::expect(&manifest, "the adapter", of.adapter_id, evm::artifacts::ezkl_adapter_id())?;
    check_settings(artifacts, &settings)?;
    let (srs_id, kind) = srs::of_verification_file(&points)?;
    ArtifactsError::expect(&points, "the id of its points", srs_id, of.srs_id)?;
    Ok(kind)
}

/// The settings, which the digest binds, against what the manifest says of them, and against the schema.
fn check_settings(artifacts: &Artifacts, path: &Path) -> Result<(), BackendError> {
    let manifest = artifacts.manifest_path();
    let Settings { run_args, made } = serde_json::from_slice(&read(path)?)
        .map_err(|error| ArtifactsError::Damaged { path: path.display().to_string(), reason: error.to_string() })?;
    let refuse = |error: BackendError| ArtifactsError::Manifest {
        path: manifest.display().to_string(),
        reason: error.to_string(),
    };
    let said = details(&artifacts.identity().details).map_err(refuse)?;
    let args = run_args.run_args();
    // What was not asked for is EZKL's default.
    let args = RunArgs {
        lookup_range: said.run_args.lookup_range.and(args.lookup_range),
        disable_freivalds: said.run_args.disable_freivalds.and(args.disable_freivalds),
        ..args
    };
    let circuit = |args: &RunArgs, rows, scales: (&[u32], &[u32])| format!("{args:?}, {rows} rows, scales {scales:?}");
    ArtifactsError::expect(
        &manifest,
        "the circuit",
        circuit(&said.run_args, said.rows, (&said.input_scales[..], &said.output_scales[..])),
        circuit(&args, made.num_rows, (&made.model_input_scales[..], &made.model_output_scales[..])),
    )?;
    ArtifactsError::expect(&manifest, "k", said.k, args.logrows)?;
    // Weights that are not fixed are in no key: any weights would verify.
    said.expect_bound_weights()?;
    let public = (args.input_visibility, args.output_visibility) == (Visibility::Public, Visibility::Public);
    ArtifactsError::expect(path, "whether inputs and outputs are public", public, true)?;
    let limit = I256::from_raw(U256::from(said.limit()?));
    let scales = made.model_input_scales.iter().map(|scale| (Direction::Input, scale));
    let scales = scales.chain(made.model_output_scales.iter().map(|scale| (Direction::Output, scale)));
    let expected: Vec<String> = scales
        .zip(&made.model_instance_shapes)
        .map(|((direction, &scale), shape)| {
            let elements = shape.iter().fold(1, |product: u64, &size| product.saturating_mul(size));
            meaning(direction, elements, i32::try_from(scale).map_or(0.0, |scale| 2f64.powi(-scale)), limit)
        })
        .collect();
    let schema = artifacts.schema()?;
    let found: Vec<String> = schema.tensors().iter().map(said_of).collect();
    ArtifactsError::expect(&manifest, "the schema", found.join("; "), expected.join("; "))?;
    Ok(())
}

/// What the circuit says of a public tensor: EZKL's verifier sees integers in a row, and no more.
fn meaning(direction: Direction, elements: u64, scale: f64, limit: I256) -> String {
    format!("{direction:?} of {elements} int256 of scale {scale}, within {limit}")
}

fn said_of(tensor: &TensorSchema) -> String {
    let plain = tensor.visibility == TensorVisibility::Public
        && (tensor.width, tensor.is_signed, tensor.axis, tensor.zero_point) == (32, true, NO_AXIS, 0)
        && tensor.min == tensor.max.wrapping_neg();
    match &tensor.scales[..] {
        [scale] if plain => meaning(tensor.direction, tensor.elements() as u64, *scale, tensor.max),
        _ => format!("{tensor:?}"),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, BackendError> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(BackendError::io(path))?;
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(BackendError::io(path))?;
    Ok(bytes)
}
