//! N5: the prover, messages M1 to M7.

use core::fmt;
use std::sync::OnceLock;

use ark_bn254::{Fr, G1Affine};
use zeroize::Zeroizing;

use super::columns::{Inverses, NetworkColumns};
use super::functions::Functions;
use super::gadget::Gadget;
use super::keys::NetworkProvingKey;
use super::layout::{Size, srs_size};
use super::phi::Order;
use super::program::Access;
use super::proof::{NetworkProof, m2_points};
use super::statement::{NetworkStatement, session};
use super::sumcheck;
use crate::commit::{self, Powers};
use crate::encoding::signed;
use crate::error::{CircuitError, KeyError, ProveError};
use crate::mle;
use crate::opening::prove::{Folds, add};
use crate::prove::{ModelPoints, Request, bound_sigma};
use crate::randomness::Randomness;
use crate::rules::{Rule, Rules};
use crate::srs::Srs;
use crate::sumcheck::masks::{MaskColumns, support_below};
use crate::transcript::{Transcript, stage};

#[cfg(test)]
pub(crate) use super::testing::Cheat;

/// Proves inferences of one network.
pub struct NetworkProver {
    pub(crate) key: NetworkProvingKey,
    gadgets: Vec<Gadget>,
    vkd: [u8; 32],
    /// `[tau^i]_1` for all rows of `max_samples` samples: masks stand on rows behind the last real one.
    powers: Powers,
    points: ModelPoints,
    /// Sum of the powers of the real rows, per `kappa`.
    totals: Vec<OnceLock<G1Affine>>,
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
        let size = Size::new(p, max_samples)?.rows;
        let quotients = key.vk.level().split_points(p.blocks as usize, &key.quotients);
        Ok(Self {
            gadgets: key.vk.program().gadgets().map_err(CircuitError::from)?,
            vkd: key.vk.digest(),
            powers: Powers::new(&srs.powers()[..size.n()]),
            points: ModelPoints::new(quotients, &key.vk.exponents(), srs)?,
            totals: (0..=size.kappa).map(|_| OnceLock::new()).collect(),
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
    /// The number of samples or inputs is wrong, a value is out of range, or there is no randomness.
    pub fn prove(
        &self,
        model_id: [u8; 32],
        requests: &[Request],
    ) -> Result<(Vec<NetworkStatement>, NetworkProof), ProveError> {
        self.prove_session(model_id, requests, Randomness::from_os()?, Session::default())
    }

    pub(crate) fn prove_session(
        &self,
        model_id: [u8; 32],
        requests: &[Request],
        mut random: Randomness,
        session: Session<'_>,
    ) -> Result<(Vec<NetworkStatement>, NetworkProof), ProveError> {
        let (program, graph) = (self.key.vk.program(), &self.key.graph);
        let size = Size::new(program.parts(), requests.len())?;
        if size.rows.n() > self.powers.len() {
            return Err(KeyError::SrsTooSmall { needed: size.rows.n(), got: self.powers.len() }.into());
        }
        let (mut statements, mut rows) = (Vec::new(), Vec::new());
        for (sample, request) in requests.iter().enumerate() {
            let run = graph.run(&request.inputs, sample)?;
            rows.push(graph.place(program, &self.gadgets, &run));
            let inputs = request.inputs.iter().map(|x| i64::from(*x)).collect();
            let ports = vec![inputs, run.outputs];
            statements.push(NetworkStatement { model_id, context_id: request.context_id, ports });
        }
        #[cfg(test)]
        if let Some(cheat) = session.cheat {
            cheat.rows(&mut rows);
            cheat.statement(&mut statements);
        }
        #[allow(unused_mut)]
        let mut columns = NetworkColumns::new(size, Order::new(program.parts()), &rows, &mut random);
        #[cfg(test)]
        if let Some(cheat) = session.cheat {
            cheat.columns(&mut columns);
        }
        let proof = self.prove_columns(&statements, columns, &mut random, session)?;
        Ok((statements, proof))
    }

    /// M1 to M7.
    fn prove_columns(
        &self,
        statements: &[NetworkStatement],
        columns: NetworkColumns,
        random: &mut Randomness,
        session: Session<'_>,
    ) -> Result<NetworkProof, ProveError> {
        let (vk, rules, powers) = (&self.key.vk, session.rules, &self.powers);
        let (p, size, order) = (vk.program().parts(), columns.size, columns.order);
        let l = size.rows.variables();
        let transcript = start(&self.vkd, vk.program(), statements, rules);

        // M1
        let total = self.totals[size.rows.kappa].get_or_init(|| commit::total(powers, size.rows));
        let (m1, buckets) = columns.m1(powers, total);
        let (transcript, c1) = transcript.m1(&m1);

        // M2
        let inverses = Inverses::new(c1.beta).ok_or(ProveError::Challenge)?;
        let blinding = self.points.draw(random);
        let masks = MaskColumns::on(support_below(l, size.rows.n()), random);
        let y_masks: [Fr; 2] = random.scalars();
        #[cfg(test)]
        let columns = match session.cheat {
            Some(cheat) => cheat.after_m1(columns, &c1),
            None => columns,
        };
        // Hats do not depend on the challenges after M2, whose places 1 stands in for.
        let hats = Functions::for_hats(p, size, &c1).ok_or(ProveError::Challenge)?;
        #[allow(unused_mut)]
        let mut y = Zeroizing::new(hats.hat_values(|a| self.view_values(&columns, a, c1.mu)));
        y[..2].copy_from_slice(&y_masks);
        let level = vk.level();
        #[allow(unused_mut)]
        let (mut model, ((c_h, c_s), mut c_y)) = rayon::join(
            || {
                let g = self.key.weights.fold(p, self.key.omega, c1.alpha);
                let weights = level.quotient_weights(p.blocks as usize, c1.alpha);
                self.points.fold(g, &level.roots(c1.alpha), &weights, blinding)
            },
            || (columns.m2(powers, &buckets, &inverses.inverses, &masks), powers.commit(&[&y])[0]),
        );
        #[cfg(test)]
        if let Some(cheat) = session.cheat {
            cheat.model(&mut model, &c1);
            cheat.hats(&mut y, &model, &c1);
            c_y = powers.commit(&[&y])[0];
        }
        #[allow(unused_mut)]
        let mut sigma = masks.sigma();
        let points = m2_points(&c_h, c_y, &c_s, &model.c_q, model.d, model.a_d);
        let (transcript, c2) = transcript.m2(&points, bound_sigma(sigma, rules), l);

        // M3, M4
        let functions = Functions::new(p, size, &c1, &c2, rules).ok_or(ProveError::Challenge)?;
        let inputs = sumcheck::Inputs {
            p,
            columns: &columns,
            inverses: &inverses,
            masks: &masks,
            functions: &functions,
            g: &model.g,
            y: &y,
            c1: &c1,
            c2: &c2,
        };
        #[allow(unused_mut)]
        let (transcript, mut rounds) = sumcheck::prove(&inputs, transcript);
        #[cfg(test)]
        let forgery = super::testing::Forgery::start(session, statements, &inputs, &mut rounds, &mut sigma);
        let (transcript, rho) = transcript.m4(&rounds.evals);

        // M5
        let rho = mle::powers(rho, order.count());
        let mut inj: Zeroizing<Vec<Fr>> = Zeroizing::new(model.g.iter().map(|g| *g * rho[order.g()]).collect());
        add(&mut inj, &y, rho[order.y()]);
        let mut p_0 = columns.batch(&rho[..order.width()], &inverses);
        masks.add_to(&mut p_0, [rho[order.s(1)], rho[order.s(2)], rho[order.s(3)], rho[order.s0()]]);
        #[allow(unused_mut)]
        let mut folds = Folds::new(p_0, inj, size.lo(), &rounds.r, rules);
        #[cfg(test)]
        forgery.folds(&mut folds, rho[order.s(1)], &rounds.r);
        let c_f = folds.commit(powers);
        let (transcript, x) = transcript.m5(&c_f, &folds.fin);

        // M6, M7
        #[allow(unused_mut)]
        let mut fold_values = folds.values(x);
        #[cfg(test)]
        forgery.values(&mut fold_values, rho[order.s(1)], &rounds.r);
        let (transcript, eta) = transcript.m6(&fold_values);
        let (transcript, pi_1, pi_2) = folds.open(powers, x, eta, transcript)?;
        let zr: Vec<Fr> = model.nonces.iter().zip(model.masks.iter()).map(|(a, m)| *a + c2.c_d * m).collect();
        transcript.pi_2(&pi_2, &zr);
        Ok(NetworkProof {
            m1,
            c_h,
            c_y,
            c_s,
            c_q: model.c_q,
            d: model.d,
            a_d: model.a_d,
            sigma,
            rounds: rounds.rounds,
            evals: rounds.evals,
            c_f,
            fin: folds.fin,
            fold_values,
            pi: [pi_1, pi_2],
            zr,
        })
    }

    /// `sum_k mu^k view(p, k)` over the positions of an access' tensor, and its first position.
    fn view_values(&self, columns: &NetworkColumns, a: &Access, mu: Fr) -> (usize, Vec<Fr>) {
        let p = self.key.vk.program().parts();
        let t = &p.tensors[usize::from(a.tensor)];
        let view = &p.kinds[usize::from(t.kind)].views[usize::from(a.view)];
        let rows = columns.size.rows;
        let powers = mle::powers(mu, rows.samples);
        let (start, end) = (t.base as usize, t.end() as usize);
        // What a test adds to the columns; nothing outside tests.
        let changed = |c: u8, row: usize| {
            let own = columns.deltas().iter().filter(|(column, at, _)| *column == usize::from(c) && *at == row);
            own.map(|(_, _, delta)| *delta).sum::<Fr>()
        };
        let value = |position: usize| {
            let of_sample = |k: usize| {
                // Views of gadgets read bytes: far below 2^63.
                let row = (position << rows.kappa) + k;
                let terms = view.terms.iter();
                let bytes = terms.map(|(c, v)| v * i64::from(columns.limbs[usize::from(*c)][row]));
                let value = signed(bytes.sum::<i64>() + view.constant);
                if columns.deltas().is_empty() {
                    return value;
                }
                value + view.terms.iter().map(|(c, v)| signed(*v) * changed(*c, row)).sum::<Fr>()
            };
            powers.iter().enumerate().map(|(k, mu)| *mu * of_sample(k)).sum::<Fr>()
        };
        (start, (start..end).map(value).collect())
    }
}

/// The transcript up to the public values.
pub(crate) fn start(
    vkd: &[u8; 32],
    program: &super::program::Program,
    statements: &[NetworkStatement],
    rules: Rules,
) -> Transcript<stage::NetworkM1> {
    let (sid, public) = session(program.parts(), statements);
    let sid = if rules.on(Rule::StatementId) { sid } else { [0; 32] };
    Transcript::network(vkd, statements.len(), &sid, &public)
}
