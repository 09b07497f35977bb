//! Compiling and setting up a model that is a general network.

use super::{
    Deadline, Details, Figures, NAME, NativeBackend, bound, calibration, damaged, failed,
    files::{self, FIXED, PK, PROGRAM, SAMPLE, SECRET, VK, WEIGHTS},
    memory, prove_error, refused,
    schema::{self, Interface},
    srs::Needs,
    system::Key,
    unsupported,
};
use crate::{
    backend::{BackendError, Circuit, Control, Keys},
    evm::{self, EvmError, Page, bindings::ModelKey, verify::Contracts},
    model::{
        Model, TensorInfo,
        network::{Network, Prediction, Sizes},
    },
};
use alloy::primitives::{Address, B256, Bytes};
use std::{fs, path::Path};
use zkinfer_prover::{
    ModelSecret, Request, SampleSecrets,
    network::{Graph, NetworkProver, NetworkProvingKey, NetworkVerifier, Program, generate},
    srs::Srs,
};

impl NativeBackend {
    /// The integer graph of a model, with this backend's calibration and hidden sides.
    pub(super) fn quantized_network(
        &self,
        model: &Model,
    ) -> Result<(Network, Graph, calibration::Chosen), BackendError> {
        let chosen = calibration::choose(model, self.calibration.as_ref()).map_err(|error| refused(&error))?;
        let network = Network::new(model, &chosen.0).map_err(|error| unsupported(&error))?;
        let graph = network.graph().clone().with_committed(self.hidden);
        Ok((network, graph, chosen))
    }

    /// [`crate::backend::ProvingBackend::compile`] for a network.
    pub(super) fn compile_network(
        &self,
        model: &Model,
        dir: &Path,
        control: &Control,
        deadline: &Deadline<'_>,
    ) -> Result<Circuit, BackendError> {
        schema::expect_one_tensor(model, self.hidden)
            .map_err(|reason| BackendError::Unsupported { backend: NAME, reason })?;
        control.stage("quantize");
        let (network, graph, (calibration, source)) = self.quantized_network(model)?;
        deadline.check("compile")?;
        let key = graph.compile().map_err(|error| unsupported(&error))?;
        self.expect_memory(&key.program, model.parameters())?;
        let samples = calibration.samples(model.inputs().iter().map(TensorInfo::elements).sum());
        let report = network.report(&samples);
        files::write_secret(&dir.join(WEIGHTS), &graph.to_bytes())?;
        let interface = Interface::of_program(&key.program).map_err(|reason| failed("compile", reason))?;
        let details = serde_json::to_value(Details::of_program(&key.program, interface));
        let details = details.map_err(|error| failed("compile", error))?;
        let figures = Figures { calibration: source, accuracy: report.accuracy, network: Some(report) };
        let figures = serde_json::to_value(figures).map_err(|error| failed("compile", error))?;
        let schema = schema::schema_of_network(model, &network, self.hidden)?;
        if graph.infer(&super::zeros(&schema)).is_err() {
            let sample = samples.first().and_then(|sample| network.quantize(sample).ok()).unwrap_or_default();
            let bytes: Vec<u8> = sample.iter().flat_map(|x| x.to_be_bytes()).collect();
            files::write_secret(&dir.join(SAMPLE), &bytes)?;
        }
        Ok(Circuit { schema, details, figures })
    }

    /// Refuses what is expected to take more memory than there is.
    fn expect_memory(&self, program: &Program, weights: u64) -> Result<(), BackendError> {
        let parts = program.parts();
        let copied = parts.kinds.iter().map(|kind| u64::from(kind.hi - kind.lo) * u64::from(kind.reads.count_ones()));
        let (rows, columns) = (parts.positions.into(), parts.limbs.into());
        let needed_mb = Prediction::of(&Sizes { rows, columns, copied: copied.sum(), weights }).peak_mb.ceil() as u64;
        match self.memory_limit_mb.or_else(memory::available_mb) {
            Some(available_mb) if needed_mb > available_mb => {
                Err(BackendError::Memory { backend: NAME, needed_mb, available_mb })
            }
            _ => Ok(()),
        }
    }

    /// [`crate::backend::ProvingBackend::setup`] for a network.
    pub(super) fn set_up_network(
        &self,
        circuit: &Circuit,
        dir: &Path,
        control: &Control,
        deadline: &Deadline<'_>,
    ) -> Result<Keys, BackendError> {
        let path = dir.join(WEIGHTS);
        let graph = Graph::from_bytes(&files::read_secret(&path)?).map_err(|error| damaged(&path, &error))?;
        let needs = Needs::of_graph(&graph)?;
        control.stage("powers of tau");
        let srs = self.srs.for_setup(needs)?;
        deadline.check("setup")?;
        self.srs.keep(&srs, needs, dir)?;
        control.stage("keys");
        let secret = ModelSecret::generate().map_err(|error| failed("setup", error))?;
        let key = generate(graph, &secret, None, &srs).map_err(|error| failed("setup", error))?;
        files::write_secret(&dir.join(SECRET), secret.expose())?;
        files::write_secret(&dir.join(PK), &key.to_bytes())?;
        // The proving key has them.
        fs::remove_file(&path).map_err(BackendError::io(&path))?;
        let (vk, fixed) = (key.verifying_key().clone(), key.fixed().clone());
        let interface = Interface::of_network(&vk).map_err(|reason| failed("setup", reason))?;
        schema::agrees(&circuit.schema, interface).map_err(|reason| failed("setup", reason))?;
        files::write_public(&dir.join(VK), &vk.to_bytes())?;
        files::write_public(&dir.join(PROGRAM), &vk.program().to_bytes())?;
        files::write_public(&dir.join(FIXED), &fixed.to_bytes())?;
        deadline.check("setup")?;
        control.stage("self-test");
        let (vk_digest, srs_id): (B256, B256) = (vk.digest().into(), (*vk.srs_id()).into());
        let verifier = NetworkVerifier::new(vk.clone(), srs.pinned()).map_err(|error| failed("setup", error))?;
        let proof_bytes = verifier.proof_len(1).map_err(|error| failed("setup", error))?;
        let sample = dir.join(SAMPLE);
        let inputs = match sample.exists() {
            true => {
                let bytes = files::read_secret(&sample)?;
                fs::remove_file(&sample).map_err(BackendError::io(&sample))?;
                bytes.as_chunks::<2>().0.iter().map(|x| u16::from_be_bytes(*x)).collect()
            }
            false => super::zeros(&circuit.schema),
        };
        let (values, proof) = self_test(key, &srs, inputs, &verifier)?;
        deadline.check("setup")?;
        control.stage("self-test of the contract");
        let adapter_id = test_contract(&Key::Network { key: Box::new(vk), fixed }, &values, &proof)?;
        Ok(Keys { vk_digest, srs_id, adapter_id, proof_bytes: proof_bytes as u64 })
    }
}

/// The adapter of a key: zero when there is no contract for it, and when verifying this proof, of the model 0 in the context 0,
/// takes more gas than a transaction has.
fn test_contract(key: &Key, values: &Bytes, proof: &Bytes) -> Result<B256, BackendError> {
    let adapter_id = bound::adapter_of(key)?;
    let Some(contract) = evm::artifacts::adapter(adapter_id) else { return Ok(B256::ZERO) };
    let object = bound::key_object(key)?;
    let page = |page: &evm::CompiledContract| Page { address: page.place(), code: page.runtime_code.clone() };
    let pages: Vec<Page> = object.pages.iter().map(page).collect();
    let (adapter, model_code) = (&contract.deployed_bytecode, Some(&object.runtime_code));
    let model = ModelKey {
        modelId: B256::ZERO,
        modelCode: Address::repeat_byte(0xce),
        vkDigest: key.digest(),
        schemaHash: B256::ZERO,
        srsId: key.srs_id(),
    };
    match (Contracts { adapter, model_code, pages: &pages }).verify(&model, B256::ZERO, values, proof) {
        Ok(found) if found.verdict.is_valid() => Ok(adapter_id),
        Ok(found) if found.used_up_gas() => Ok(B256::ZERO),
        Err(EvmError::NotExecutable(_)) => Ok(B256::ZERO),
        Ok(found) => Err(BackendError::UnsoundProof { reason: format!("by the contract: {:?}", found.verdict) }),
        Err(error) => Err(failed("self-test", error)),
    }
}

/// Proves and verifies an input: keys, program and SRS belong together. Returns the public values and the proof.
fn self_test(
    key: NetworkProvingKey,
    srs: &Srs,
    inputs: Vec<u16>,
    verifier: &NetworkVerifier,
) -> Result<(Bytes, Bytes), BackendError> {
    let interface = Interface::of_network(verifier.key()).map_err(|reason| failed("self-test", reason))?;
    let secrets = SampleSecrets::generate(interface.committed).map_err(|error| failed("self-test", error))?;
    let prover = NetworkProver::new(key, srs, 1).map_err(|error| failed("self-test", error))?;
    let request = Request { inputs, context_id: [0; 32] };
    let proved = prover.prove_committed([0; 32], &[request], &[secrets]);
    let (statements, proof) = proved.map_err(|error| prove_error("self-test", &error))?;
    let unsound = |error: zkinfer_prover::VerifyError| BackendError::UnsoundProof { reason: error.to_string() };
    let proof = proof.to_bytes();
    verifier.verify(&statements, &proof).map_err(unsound)?;
    let values = statements.iter().flat_map(|statement| verifier.key().public_bytes(&statement.ports)).collect();
    Ok((values, proof.into()))
}
