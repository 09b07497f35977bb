//! §6: the prover. [`messages`] runs M1 to M7, [`model`] is what M2 does with the weights,
//! [`committed`] what it does with committed tensors.

mod committed;
mod messages;
mod model;

pub(crate) use committed::MaskedTensors;
#[cfg(test)]
pub(crate) use committed::Tensors;
pub(crate) use messages::{bound_sigma, start};
#[cfg(test)]
pub(crate) use model::FoldedModel;
pub(crate) use model::ModelPoints;

use core::fmt;
use std::sync::OnceLock;

use ark_bn254::G1Affine;
use zeroize::Zeroizing;

use crate::circuit::{Layout, Shape};
use crate::columns::LimbColumns;
use crate::commit::Powers;
use crate::error::{CircuitError, KeyError, ProveError};
use crate::keys::ProvingKey;
use crate::proof::Proof;
use crate::randomness::Randomness;
use crate::rules::Rules;
use crate::srs::Srs;
use crate::statement::{PublicValues, Statement};
use crate::tensor::SampleSecrets;
use crate::witness::Witness;

/// One sample to prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `d_0` inputs.
    pub inputs: Vec<u16>,
    /// Context id of the statement.
    pub context_id: [u8; 32],
}

/// Proves inferences of one model.
pub struct Prover {
    key: ProvingKey,
    vkd: [u8; 32],
    /// `[tau^i]_1`, enough for the columns of `max_samples` samples.
    powers: Powers,
    points: ModelPoints,
    /// Sum of the powers of the real rows, per `kappa`.
    totals: Vec<OnceLock<G1Affine>>,
}

impl fmt::Debug for Prover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prover").field("key", &self.key).finish_non_exhaustive()
    }
}

/// What a test changes about a run of the prover; nothing outside tests.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Session<'a> {
    pub(crate) rules: Rules,
    #[cfg(test)]
    pub(crate) cheat: Option<&'a dyn crate::testing::Cheat>,
    pub(crate) marker: core::marker::PhantomData<&'a ()>,
}

impl Prover {
    /// A prover for batches of at most `max_samples` samples; copies the powers of tau it needs
    /// and tabulates multiples of them and of the quotient points.
    ///
    /// # Errors
    /// The key belongs to another SRS, or there are too few powers.
    pub fn new(key: ProvingKey, srs: &Srs, max_samples: usize) -> Result<Self, KeyError> {
        let (needed, got) = (Layout::new(key.vk.shape()).columns(max_samples)?.real(), srs.powers().len());
        if got < needed {
            return Err(KeyError::SrsTooSmall { needed, got });
        }
        if key.vk.srs_id() != srs.id() {
            return Err(KeyError::SrsMismatch);
        }
        let kappa = max_samples.next_power_of_two().trailing_zeros();
        Ok(Self {
            vkd: key.vk.digest(),
            points: ModelPoints::new(key.quotient_points(), &key.vk.exponents(), srs)?,
            powers: Powers::new(&srs.powers()[..needed]),
            totals: (0..=kappa).map(|_| OnceLock::new()).collect(),
            key,
        })
    }

    /// The proving key.
    #[must_use]
    pub fn key(&self) -> &ProvingKey {
        &self.key
    }

    /// The proving key, for tests that change the weights behind the commitment.
    #[cfg(test)]
    pub(crate) fn key_mut(&mut self) -> &mut ProvingKey {
        &mut self.key
    }

    /// The outputs for one sample, without a proof.
    ///
    /// # Errors
    /// The number of inputs is wrong, or a value is out of range.
    pub fn infer(&self, inputs: &[u16]) -> Result<Vec<i64>, ProveError> {
        check_inputs(self.key.vk.shape(), inputs)?;
        Ok(Witness::new(&self.key.weights, inputs, 0)?.outputs.clone())
    }

    /// What [`Self::prove_committed`] puts in the statement of one sample with these secrets, and the
    /// outputs, which the statement may hide. Nothing is proven.
    ///
    /// # Errors
    /// As for [`Self::infer`]; a committed side lacks its secret, or a public one has one.
    pub fn public_values(
        &self,
        inputs: &[u16],
        secrets: &SampleSecrets,
    ) -> Result<(PublicValues, Zeroizing<Vec<i64>>), ProveError> {
        let (requests, secrets) = ([Request { inputs: inputs.to_vec(), context_id: [0; 32] }], [secrets.clone()]);
        committed::check_secrets(self, &requests, &secrets)?;
        let (mut values, _) = self.run(&requests)?;
        let tensors = self.tensors(&values, &secrets)?;
        let outputs = values.iter().flat_map(|values| values.outputs.iter().copied()).collect();
        self.publish(&mut values, &tensors);
        Ok((values.into_iter().next().unwrap_or_default(), Zeroizing::new(outputs)))
    }

    /// Runs the model on every request and proves all of them with one proof. Masks are fresh from
    /// the operating system.
    ///
    /// # Errors
    /// The number of samples or inputs is wrong, a value is out of range, there is no randomness, or
    /// the key commits to a side: that takes secrets, [`Self::prove_committed`].
    pub fn prove(&self, model_id: [u8; 32], requests: &[Request]) -> Result<(Vec<Statement>, Proof), ProveError> {
        self.prove_committed(model_id, requests, &vec![SampleSecrets::default(); requests.len()])
    }

    /// Like [`Self::prove`], for keys with committed sides: `secrets` blind the tensors of each
    /// sample. The statements hold points in the place of what they hide; with its secret, a tensor
    /// opens its point ([`CommittedTensor::new`](crate::CommittedTensor::new)). The outputs are those
    /// of [`Self::infer`].
    ///
    /// # Errors
    /// As for [`Self::prove`]; a sample lacks a secret, or has one for a side that is public.
    pub fn prove_committed(
        &self,
        model_id: [u8; 32],
        requests: &[Request],
        secrets: &[SampleSecrets],
    ) -> Result<(Vec<Statement>, Proof), ProveError> {
        self.prove_session(model_id, requests, secrets, Randomness::from_os()?, Session::default())
    }

    /// Like [`Self::prove`], with masks expanded from `seed`. Two proofs from one seed reveal the
    /// witness: this exists only to make reproducible test vectors.
    ///
    /// # Errors
    /// As for [`Self::prove`].
    #[doc(hidden)]
    #[cfg(feature = "insecure-test-seed")]
    pub fn prove_with_insecure_test_seed(
        &self,
        model_id: [u8; 32],
        requests: &[Request],
        seed: [u8; 32],
    ) -> Result<(Vec<Statement>, Proof), ProveError> {
        let secrets = vec![SampleSecrets::default(); requests.len()];
        self.prove_committed_with_insecure_test_seed(model_id, requests, &secrets, seed)
    }

    /// Like [`Self::prove_committed`], with masks expanded from `seed`.
    ///
    /// # Errors
    /// As for [`Self::prove_committed`].
    #[doc(hidden)]
    #[cfg(feature = "insecure-test-seed")]
    pub fn prove_committed_with_insecure_test_seed(
        &self,
        model_id: [u8; 32],
        requests: &[Request],
        secrets: &[SampleSecrets],
        seed: [u8; 32],
    ) -> Result<(Vec<Statement>, Proof), ProveError> {
        self.prove_session(model_id, requests, secrets, Randomness::from_seed(seed), Session::default())
    }

    pub(crate) fn prove_session(
        &self,
        model_id: [u8; 32],
        requests: &[Request],
        secrets: &[SampleSecrets],
        mut randomness: Randomness,
        session: Session<'_>,
    ) -> Result<(Vec<Statement>, Proof), ProveError> {
        let vk = &self.key.vk;
        let size = Layout::new(vk.shape()).columns(requests.len())?;
        if size.real() > self.powers.len() {
            return Err(KeyError::SrsTooSmall { needed: size.real(), got: self.powers.len() }.into());
        }
        committed::check_secrets(self, requests, secrets)?;
        #[allow(unused_mut)]
        let (mut values, mut witnesses) = self.run(requests)?;
        #[cfg(test)]
        if let Some(cheat) = session.cheat {
            cheat.witness(&mut values, &mut witnesses);
        }
        #[allow(unused_mut)]
        let mut columns = LimbColumns::new(vk.shape(), size, &values, &witnesses, &mut randomness);
        drop(witnesses);
        #[cfg(test)]
        if let Some(cheat) = session.cheat {
            cheat.columns(&mut columns);
            cheat.statement(&mut values);
        }
        #[allow(unused_mut)]
        let mut tensors = self.tensors(&values, secrets)?;
        #[cfg(test)]
        if let Some(cheat) = session.cheat {
            cheat.tensors(&mut tensors);
        }
        self.publish(&mut values, &tensors);
        let statements: Vec<Statement> = values
            .iter()
            .zip(requests)
            .map(|(values, request)| Statement { model_id, context_id: request.context_id, values: values.clone() })
            .collect();
        let proof = self.prove_columns(&statements, columns, &tensors, &mut randomness, session)?;
        Ok((statements, proof))
    }

    /// Inference of every request.
    fn run(&self, requests: &[Request]) -> Result<(Vec<PublicValues>, Vec<Witness>), ProveError> {
        let (mut values, mut witnesses) = (Vec::new(), Vec::new());
        for (sample, request) in requests.iter().enumerate() {
            check_inputs(self.key.vk.shape(), &request.inputs)?;
            let witness = Witness::new(&self.key.weights, &request.inputs, sample)?;
            values.push(PublicValues {
                inputs: request.inputs.clone(),
                outputs: witness.outputs.clone(),
                ..PublicValues::default()
            });
            witnesses.push(witness);
        }
        Ok((values, witnesses))
    }
}

fn check_inputs(shape: &Shape, inputs: &[u16]) -> Result<(), CircuitError> {
    if inputs.len() == shape.inputs() {
        return Ok(());
    }
    Err(CircuitError::Length { what: "inputs", got: inputs.len(), expected: shape.inputs() })
}
