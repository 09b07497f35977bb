//! Compiling and setting up a model that is a multi-layer perceptron.

use super::{
    Deadline, Details, Figures, NAME, NativeBackend, bound, calibration, damaged, failed,
    files::{self, PK, SECRET, VK, WEIGHTS},
    prove_error, refused,
    schema::{self, Interface},
    srs::Needs,
    system::Key,
    unsupported, zeros,
};
use crate::{
    backend::{BackendError, Circuit, Control, Keys},
    model::{
        Mlp, Model,
        quantize::{Calibration, Quantized, groups},
    },
};
use alloy::primitives::B256;
use std::{fs, path::Path};
use zkinfer_prover::{
    CircuitError, ModelSecret, Prover, ProvingKey, Request, SampleSecrets, Verifier,
    circuit::{Committed, Saturation, Shape, Weights},
    setup,
    srs::Srs,
};

impl NativeBackend {
    /// The perceptron that a model is, if its shape is one of the relation's and 8 bits are enough.
    pub(super) fn perceptron(&self, model: &Model) -> Option<Mlp> {
        if self.precise {
            return None;
        }
        let mlp = Mlp::from_model(model).ok()?;
        let widths = std::iter::once(mlp.inputs()).chain(mlp.layers().map(|layer| layer.outputs)).collect();
        let shape = Shape::new(widths, None).and_then(|shape| shape.with_committed(self.hidden));
        shape.is_ok().then_some(mlp)
    }

    /// [`crate::backend::ProvingBackend::compile`] for a perceptron.
    pub(super) fn compile_perceptron(
        &self,
        model: &Model,
        mlp: &Mlp,
        dir: &Path,
        control: &Control,
        deadline: &Deadline<'_>,
    ) -> Result<Circuit, BackendError> {
        schema::expect_one_tensor(model, self.hidden)
            .map_err(|reason| BackendError::Unsupported { backend: NAME, reason })?;
        deadline.check("compile")?;
        control.stage("quantize");
        let (calibration, source) =
            calibration::choose(model, self.calibration.as_ref()).map_err(|error| refused(&error))?;
        let quantized = quantize(model, mlp, &calibration)?;
        let float = |x: &[f64]| mlp.run(x);
        let accuracy = quantized.accuracy(&calibration.samples(mlp.inputs()), float);
        let weights = weights_of(&quantized, self.hidden).map_err(|error| unsupported(&error))?;
        files::write_secret(&dir.join(WEIGHTS), &weights.to_bytes())?;
        let shape = weights.shape();
        let details = serde_json::to_value(Details::of_shape(shape)).map_err(|error| failed("compile", error))?;
        let figures = serde_json::to_value(Figures { calibration: source, accuracy, network: None });
        let figures = figures.map_err(|error| failed("compile", error))?;
        let schema = schema::schema_of(model, &quantized, self.hidden)?;
        Ok(Circuit { schema, details, figures })
    }

    /// [`crate::backend::ProvingBackend::setup`] for a perceptron.
    pub(super) fn set_up_perceptron(
        &self,
        circuit: &Circuit,
        details: Details,
        dir: &Path,
        control: &Control,
        deadline: &Deadline<'_>,
    ) -> Result<Keys, BackendError> {
        let shape = shape_of(details)?;
        let path = dir.join(WEIGHTS);
        let bytes = files::read_secret(&path)?;
        let weights = Weights::from_bytes(shape, &bytes).map_err(|error| damaged(&path, &error))?;
        control.stage("powers of tau");
        let needs = Needs::of_shape(weights.shape());
        let srs = self.srs.for_setup(needs)?;
        deadline.check("setup")?;
        self.srs.keep(&srs, needs, dir)?;
        control.stage("keys");
        let secret = ModelSecret::generate().map_err(|error| failed("setup", error))?;
        let key = setup::generate(weights, &secret, None, &srs).map_err(|error| failed("setup", error))?;
        files::write_secret(&dir.join(SECRET), secret.expose())?;
        files::write_secret(&dir.join(PK), &key.to_bytes())?;
        // The proving key has them.
        fs::remove_file(&path).map_err(BackendError::io(&path))?;
        let vk = key.verifying_key().clone();
        let interface = Interface::of_shape(vk.shape());
        schema::agrees(&circuit.schema, interface).map_err(|reason| failed("setup", reason))?;
        files::write_public(&dir.join(VK), &vk.to_bytes())?;
        deadline.check("setup")?;
        control.stage("self-test");
        let (vk_digest, srs_id): (B256, B256) = (vk.digest().into(), (*vk.srs_id()).into());
        let adapter_id = bound::adapter_of(&Key::Perceptron(vk.clone()))?;
        let verifier = Verifier::new(vk, srs.pinned()).map_err(|error| failed("setup", error))?;
        let proof_bytes = verifier.proof_len(1).map_err(|error| failed("setup", error))?;
        self_test(key, &srs, circuit, &verifier)?;
        Ok(Keys { vk_digest, srs_id, adapter_id, proof_bytes: proof_bytes as u64 })
    }
}

/// Proves and verifies the input of zeros: keys, shape and SRS belong together.
fn self_test(key: ProvingKey, srs: &Srs, circuit: &Circuit, verifier: &Verifier) -> Result<(), BackendError> {
    let inputs = zeros(&circuit.schema);
    let request = Request { inputs, context_id: [0; 32] };
    let secrets =
        SampleSecrets::generate(verifier.key().shape().committed()).map_err(|error| failed("self-test", error))?;
    let prover = Prover::new(key, srs, 1).map_err(|error| failed("self-test", error))?;
    let (statements, proof) =
        prover.prove_committed([0; 32], &[request], &[secrets]).map_err(|error| prove_error("self-test", &error))?;
    let unsound = |error: zkinfer_prover::VerifyError| BackendError::UnsoundProof { reason: error.to_string() };
    verifier.verify(&statements, &proof.to_bytes()).map_err(unsound)
}

/// The network in integers, with units for the features of its inputs.
pub(super) fn quantize(model: &Model, mlp: &Mlp, calibration: &Calibration) -> Result<Quantized, BackendError> {
    Quantized::with_groups(mlp, calibration, &groups(model.inputs())).map_err(|error| unsupported(&error))
}

pub(super) fn weights_of(quantized: &Quantized, hidden: Committed) -> Result<Weights, CircuitError> {
    let (layers, inputs) = (&quantized.layers, quantized.layers.first().map_or(0, |layer| layer.inputs));
    let dims = std::iter::once(inputs).chain(layers.iter().map(|layer| layer.bias.len())).collect();
    let bounds =
        layers.iter().filter_map(|layer| layer.saturation.and_then(Saturation::from_bound)).collect::<Vec<_>>();
    let shape = Shape::new(dims, Some(bounds).filter(|bounds| !bounds.is_empty()))?.with_committed(hidden)?;
    let weights = layers.iter().map(|layer| layer.weights.clone()).collect();
    Weights::new(shape, weights, layers.iter().map(|layer| layer.bias.clone()).collect())
}

/// Of a perceptron.
pub(super) fn shape_of(details: Details) -> Result<Shape, BackendError> {
    let bounds = details.saturation.map(|bounds| bounds.into_iter().filter_map(Saturation::from_bound).collect());
    let hidden = Committed { inputs: details.hidden_inputs, outputs: details.hidden_outputs };
    let shape = Shape::new(details.dims, bounds).and_then(|shape| shape.with_committed(hidden));
    shape.map_err(|error| failed("artifacts", error))
}
