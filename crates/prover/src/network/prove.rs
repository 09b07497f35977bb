//! The prover of general networks: from requests to columns.

use core::fmt;
use std::sync::OnceLock;

use ark_bn254::G1Affine;
use zeroize::Zeroizing;

use super::columns::NetworkColumns;
use super::gadget::Gadget;
use super::keys::NetworkProvingKey;
use super::layout::{Size, srs_size};
use super::proof::NetworkProof;
use super::statement::{NetworkStatement, PortValue};
use super::tensors;
use crate::commit::Powers;
use crate::error::{CircuitError, KeyError, ProveError};
use crate::prove::{ModelPoints, Request};
use crate::randomness::Randomness;
use crate::rules::Rules;
use crate::srs::Srs;
use crate::tensor::SampleSecrets;

#[cfg(test)]
pub(crate) use super::testing::Cheat;

/// Proves inferences of one network.
pub struct NetworkProver {
    pub(crate) key: NetworkProvingKey,
    pub(super) gadgets: Vec<Gadget>,
    /// `T_out, addr_1.., mult` by position.
    pub(super) fixed: Vec<Vec<i64>>,
    pub(super) vkd: [u8; 32],
    /// `[tau^i]_1` for all that a proof of `max_samples` samples commits to: hats, tensors and masks may stand on rows
    /// behind the last real one.
    pub(super) powers: Powers,
    pub(super) points: ModelPoints,
    /// Sum of the powers of the real rows, per `kappa`.
    pub(super) totals: Vec<OnceLock<G1Affine>>,
}

impl fmt::Debug for NetworkProver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkProver").field("key", &self.key).finish_non_exhaustive()
    }
}

/// What a test changes about a run of the prover; nothing outside tests.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Session<'a> {
    pub(crate) rules: Rules,
    #[cfg(test)]
    pub(crate) cheat: Option<&'a dyn Cheat>,
    pub(crate) marker: core::marker::PhantomData<&'a ()>,
}

impl NetworkProver {
    /// A prover for batches of at most `max_samples` samples.
    ///
    /// # Errors
    /// The key belongs to another SRS, or there are too few powers.
    pub fn new(key: NetworkProvingKey, srs: &Srs, max_samples: usize) -> Result<Self, KeyError> {
        let p = key.vk.program().parts();
        let (needed, got) = (srs_size(p, max_samples)?, srs.powers().len());
        if got < needed {
            return Err(KeyError::SrsTooSmall { needed, got });
        }
        if key.vk.srs_id() != srs.id() {
            return Err(KeyError::SrsMismatch);
        }
        let size = Size::new(p, max_samples)?;
        let quotients = key.vk.level().split_points(p.blocks as usize, &key.quotients);
        Ok(Self {
            gadgets: key.vk.program().gadgets(&key.fixed).map_err(CircuitError::from)?,
            fixed: key.fixed.columns(p),
            vkd: key.vk.digest(),
            powers: Powers::new(&srs.powers()[..size.reach()]),
            points: ModelPoints::new(quotients, &key.vk.exponents(), srs)?,
            totals: (0..=size.rows.kappa).map(|_| OnceLock::new()).collect(),
            key,
        })
    }

    /// The proving key.
    #[must_use]
    pub fn key(&self) -> &NetworkProvingKey {
        &self.key
    }

    /// Runs the network on every request and proves all of them with one proof. Masks are fresh from
    /// the operating system.
    ///
    /// # Errors
    /// The number of samples or inputs is wrong, a value is out of range, there is no randomness, or
    /// the key commits to a port: that takes secrets, [`Self::prove_committed`].
    pub fn prove(
        &self,
        model_id: [u8; 32],
        requests: &[Request],
    ) -> Result<(Vec<NetworkStatement>, NetworkProof), ProveError> {
        self.prove_committed(model_id, requests, &vec![SampleSecrets::default(); requests.len()])
    }

    /// Like [`Self::prove`], for keys with committed ports: `secrets` blind the tensors of each sample.
    /// The statements hold points in the place of what they hide; with its secret, a tensor opens its
    /// point ([`CommittedTensor::new`](crate::CommittedTensor::new)).
    ///
    /// # Errors
    /// As for [`Self::prove`]; a sample lacks a secret, or has one for a port that is public.
    pub fn prove_committed(
        &self,
        model_id: [u8; 32],
        requests: &[Request],
        secrets: &[SampleSecrets],
    ) -> Result<(Vec<NetworkStatement>, NetworkProof), ProveError> {
        self.prove_session(model_id, requests, secrets, Randomness::from_os()?, Session::default())
    }

    /// The ports of one sample as [`Self::prove_committed`] states them with these secrets, and the outputs, which the
    /// statement may hide. Nothing is proven.
    ///
    /// # Errors
    /// As for [`Self::prove_committed`].
    pub fn ports(
        &self,
        inputs: &[u16],
        secrets: &SampleSecrets,
    ) -> Result<(Vec<PortValue>, Zeroizing<Vec<i64>>), ProveError> {
        let p = self.key.vk.program().parts();
        tensors::check_secrets(p, 1, core::slice::from_ref(secrets))?;
        let run = self.key.graph.run(inputs, 0)?;
        let outputs = Zeroizing::new(run.outputs.concat());
        let ports = self.values(inputs, run.outputs);
        let mut statements = [NetworkStatement { model_id: [0; 32], context_id: [0; 32], ports }];
        let tensors = tensors::collect(p, &statements, core::slice::from_ref(secrets))?;
        tensors::publish(&mut statements, &tensors, &self.powers);
        let [statement] = statements;
        Ok((statement.ports, outputs))
    }

    /// What the ports hold: every input layer's own part of the inputs, and the outputs.
    fn values(&self, inputs: &[u16], outputs: Vec<Vec<i64>>) -> Vec<PortValue> {
        let graph = &self.key.graph;
        let mut rest = inputs.iter().map(|x| i64::from(*x));
        let parts = graph.input_layers().map(|layer| rest.by_ref().take(graph.elements(layer)).collect());
        let parts: Vec<Vec<i64>> = parts.collect();
        parts.into_iter().chain(outputs).map(PortValue::Elements).collect()
    }

    pub(crate) fn prove_session(
        &self,
        model_id: [u8; 32],
        requests: &[Request],
        secrets: &[SampleSecrets],
        mut random: Randomness,
        session: Session<'_>,
    ) -> Result<(Vec<NetworkStatement>, NetworkProof), ProveError> {
        let (program, graph) = (self.key.vk.program(), &self.key.graph);
        let p = program.parts();
        let size = Size::new(p, requests.len())?;
        if size.reach() > self.powers.len() {
            return Err(KeyError::SrsTooSmall { needed: size.reach(), got: self.powers.len() }.into());
        }
        tensors::check_secrets(p, requests.len(), secrets)?;
        let (mut statements, mut rows) = (Vec::new(), Vec::new());
        for (sample, request) in requests.iter().enumerate() {
            let run = graph.run(&request.inputs, sample)?;
            rows.push(graph.place(program, &self.gadgets, &run));
            let ports = self.values(&request.inputs, run.outputs);
            statements.push(NetworkStatement { model_id, context_id: request.context_id, ports });
        }
        #[cfg(test)]
        if let Some(cheat) = session.cheat {
            cheat.rows(&mut rows);
            cheat.statement(&mut statements);
        }
        #[allow(unused_mut)]
        let mut columns = NetworkColumns::new(p, &self.key.fixed, size, &rows, &mut random);
        #[allow(unused_mut)]
        let mut tensors = tensors::collect(p, &statements, secrets)?;
        #[cfg(test)]
        if let Some(cheat) = session.cheat {
            cheat.columns(&mut columns);
            cheat.tensors(&mut tensors);
        }
        tensors::publish(&mut statements, &tensors, &self.powers);
        let proof = self.prove_columns(&statements, columns, &tensors, &mut random, session)?;
        Ok((statements, proof))
    }
}
