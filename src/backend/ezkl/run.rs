//! Witness, proof and verification on a directory of files, before and after it became artifacts.

use super::{
    COMPILED, EzklBackend, PK, SETTINGS, VERIFY_SRS, VK,
    circuit::{Details, read_instances, split_column},
    instances,
    protocol::{GenWitness, Prove, ProveResult, Request, Verify},
    samples::one_sample,
};
use crate::{
    backend::{BackendError, Circuit, Control, Witness, input_tensors},
    model::Input,
    proof::{PublicValues, Schema, Verdict},
};
use alloy::primitives::Bytes;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A witness file in a private directory.
struct EzklWitness {
    path: PathBuf,
    _dir: tempfile::TempDir,
}

impl EzklBackend {
    pub(super) fn run_witness(
        &self,
        dir: &Path,
        details: &Details,
        schema: &Schema,
        input: &Input,
        control: &Control,
    ) -> Result<Witness, BackendError> {
        let private = tempfile::tempdir().map_err(BackendError::io(&std::env::temp_dir()))?;
        let (input_path, path) = (private.path().join("input.json"), private.path().join("witness.json"));
        fs::write(&input_path, input.to_json()).map_err(BackendError::io(&input_path))?;
        let request = GenWitness { input: input_path, compiled: dir.join(COMPILED), witness: path.clone() };
        let made = self.request(&request, Some(details.k), control)?;
        details.expect_lookups((made.min_lookup_inputs, made.max_lookup_inputs))?;
        let instances: Vec<&[String]> = made.inputs.iter().chain(&made.outputs).map(Vec::as_slice).collect();
        let public_values = read_instances(schema, &instances, GenWitness::OP)?;
        Ok(Witness::new(public_values, EzklWitness { path, _dir: private }))
    }

    pub(super) fn make_proof(
        &self,
        dir: &Path,
        k: u32,
        schema: &Schema,
        witness: &Witness,
        control: &Control,
    ) -> Result<Bytes, BackendError> {
        let data: &EzklWitness = witness.data()?;
        let private = tempfile::tempdir().map_err(BackendError::io(&std::env::temp_dir()))?;
        let request = Prove {
            witness: data.path.clone(),
            compiled: dir.join(COMPILED),
            pk: dir.join(PK),
            srs: self.srs(k)?,
            proof: private.path().join("proof.json"),
        };
        let ProveResult { instances, proof } = self.request(&request, Some(k), control)?;
        let unsound = |reason: &str| BackendError::UnsoundProof { reason: reason.into() };
        let proved = split_column(schema, &instances).ok_or_else(|| unsound("its instances have another shape"))?;
        if read_instances(schema, &proved, Prove::OP)? != witness.public_values {
            return Err(unsound("its instances are not the witness's"));
        }
        let proof = alloy::hex::decode(&proof).map_err(|error| unsound(&error.to_string()))?;
        Ok(proof.into())
    }

    pub(super) fn check_proof(
        &self,
        dir: &Path,
        k: u32,
        schema: &Schema,
        values: &PublicValues,
        proof: &[u8],
        control: &Control,
    ) -> Result<Verdict, BackendError> {
        let values = match schema.decode(values) {
            Ok(values) => values,
            Err(error) => return Ok(Verdict::invalid(error.to_string())),
        };
        let column: Result<Vec<String>, _> = values.into_iter().flatten().map(instances::to_hex).collect();
        let column = match column {
            Ok(column) => column,
            Err(error) => return Ok(Verdict::invalid(error.to_string())),
        };
        let private = tempfile::tempdir().map_err(BackendError::io(&std::env::temp_dir()))?;
        let path = private.path().join("proof.json");
        let json = serde_json::json!({ "protocol": null, "instances": [column], "proof": proof, "split": null });
        fs::write(&path, json.to_string()).map_err(BackendError::io(&path))?;
        let request = Verify {
            proof: path,
            settings: dir.join(SETTINGS),
            vk: dir.join(VK),
            srs: dir.join(VERIFY_SRS),
            reduced_srs: true,
        };
        let answer = self.request(&request, Some(k), control)?;
        Ok(if answer.valid { Verdict::Valid } else { Verdict::invalid(answer.reason.unwrap_or_default()) })
    }

    /// Proves and verifies one input. Shows that keys, circuit and SRS belong together, and tells the exact length of a proof,
    /// which EZKL's own verifier does not check.
    pub(super) fn self_test(
        &self,
        circuit: &Circuit,
        details: &Details,
        dir: &Path,
        control: &Control,
    ) -> Result<u64, BackendError> {
        let schema = &circuit.schema;
        let witness = self.first_witness(schema, details, dir, control)?;
        let proof = self.make_proof(dir, details.k, schema, &witness, control)?;
        match self.check_proof(dir, details.k, schema, &witness.public_values, &proof, control)? {
            Verdict::Valid => Ok(proof.len() as u64),
            Verdict::Invalid { reason } => Err(BackendError::UnsoundProof { reason }),
        }
    }

    /// The witness of zeros; of a sample where zeros lead too far, as where a sum of squares divides.
    fn first_witness(
        &self,
        schema: &Schema,
        details: &Details,
        dir: &Path,
        control: &Control,
    ) -> Result<Witness, BackendError> {
        let zeros = input_tensors(schema).iter().map(|tensor| vec![0.0; tensor.elements()]).collect();
        match self.run_witness(dir, details, schema, &Input::new(zeros)?, control) {
            Err(BackendError::OutOfDomain(_)) => {
                let sample = one_sample(self.options.calibration.as_ref(), schema)?;
                self.run_witness(dir, details, schema, &sample, control)
            }
            made => made,
        }
    }
}
