//! §6: the prover.

use core::fmt;
use std::sync::OnceLock;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use zeroize::Zeroizing;

use crate::circuit::{Layout, Shape};
use crate::columns::LimbColumns;
use crate::commit::{self, Powers};
use crate::error::{CircuitError, KeyError, ProveError};
use crate::fold_weights;
use crate::kernels::FixedBase;
use crate::keys::ProvingKey;
use crate::mle;
use crate::opening::prove::{Folds, batch};
use crate::proof::{Proof, m2_points};
use crate::randomness::Randomness;
use crate::rules::{Rule, Rules};
use crate::srs::Srs;
use crate::statement::{PublicValues, Statement, session_id};
use crate::sumcheck::functions::Functions;
use crate::sumcheck::masks::MaskColumns;
use crate::sumcheck::phi::EvalOrder;
use crate::sumcheck::prove::{self as sumcheck, Inverses};
use crate::transcript::Transcript;
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
    /// Tables for `P_d`, or for `O_{c,e}` and `O_c`: the points of `q_1 (, q_2)`.
    quotients: Vec<FixedBase>,
    /// Sum of the powers of the real rows, per `kappa`.
    totals: Vec<OnceLock<G1Affine>>,
    tau: G1Affine,
    /// `[tau^{2^j}]_1` for the quotient moduli.
    moduli: Vec<G1Affine>,
}

impl fmt::Debug for Prover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prover")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// `D` or `A_D`: `v_0 [1] + v_1 [tau] + sum_j v_{2+j} ([tau^{2^j}] - root_j [1])`.
fn schnorr_point(tau: G1Affine, moduli: &[G1Affine], roots: &[Fr], v: &[Fr]) -> G1Affine {
    let generator = v[0]
        - v[2..]
            .iter()
            .zip(roots)
            .map(|(v, root)| *v * root)
            .sum::<Fr>();
    let mut sum = G1Affine::generator() * generator + tau * v[1];
    for (point, v) in moduli.iter().zip(&v[2..]) {
        sum += *point * v;
    }
    sum.into_affine()
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
        let (needed, got) = (
            Layout::new(key.vk.shape()).columns(max_samples)?.real(),
            srs.powers().len(),
        );
        if got < needed {
            return Err(KeyError::SrsTooSmall { needed, got });
        }
        if key.vk.srs_id() != srs.id() {
            return Err(KeyError::SrsMismatch);
        }
        let power = |j: usize| {
            srs.pinned().g1(j).ok_or(KeyError::SrsTooSmall {
                needed: 1 << j,
                got,
            })
        };
        let kappa = max_samples.next_power_of_two().trailing_zeros();
        Ok(Self {
            vkd: key.vk.digest(),
            quotients: key
                .quotient_points()
                .into_iter()
                .map(FixedBase::new)
                .collect(),
            powers: Powers::new(&srs.powers()[..needed]),
            totals: (0..=kappa).map(|_| OnceLock::new()).collect(),
            tau: power(0)?,
            moduli: key
                .vk
                .exponents()
                .into_iter()
                .map(power)
                .collect::<Result<_, _>>()?,
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

    /// Runs the model on every request and proves all of them with one proof. Masks are fresh from
    /// the operating system.
    ///
    /// # Errors
    /// The number of samples or inputs is wrong, a value is out of range, or there is no randomness.
    pub fn prove(
        &self,
        model_id: [u8; 32],
        requests: &[Request],
    ) -> Result<(Vec<Statement>, Proof), ProveError> {
        self.prove_session(
            model_id,
            requests,
            Randomness::from_os()?,
            Session::default(),
        )
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
        self.prove_session(
            model_id,
            requests,
            Randomness::from_seed(seed),
            Session::default(),
        )
    }

    pub(crate) fn prove_session(
        &self,
        model_id: [u8; 32],
        requests: &[Request],
        mut randomness: Randomness,
        session: Session<'_>,
    ) -> Result<(Vec<Statement>, Proof), ProveError> {
        let vk = &self.key.vk;
        let size = Layout::new(vk.shape()).columns(requests.len())?;
        if size.real() > self.powers.len() {
            return Err(KeyError::SrsTooSmall {
                needed: size.real(),
                got: self.powers.len(),
            }
            .into());
        }
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
        let statements: Vec<Statement> = values
            .iter()
            .zip(requests)
            .map(|(values, request)| Statement {
                model_id,
                context_id: request.context_id,
                values: values.clone(),
            })
            .collect();
        let proof = self.prove_columns(&statements, columns, &mut randomness, session)?;
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
            });
            witnesses.push(witness);
        }
        Ok((values, witnesses))
    }

    /// M1 to M7.
    fn prove_columns(
        &self,
        statements: &[Statement],
        columns: LimbColumns,
        randomness: &mut Randomness,
        session: Session<'_>,
    ) -> Result<Proof, ProveError> {
        let (vk, rules, size, powers) = (&self.key.vk, session.rules, columns.size, &self.powers);
        let order = EvalOrder {
            ell: columns.limbs.len(),
        };
        let transcript = start(&self.vkd, statements, rules);

        // M1
        let total = self.totals[size.kappa].get_or_init(|| commit::total(powers, size));
        let (c_l, buckets) = commit::limbs(powers, &columns, total);
        let (transcript, c1) = transcript.m1(&c_l);

        // M2
        let inverses = Inverses::new(&columns, c1.beta).ok_or(ProveError::Challenge)?;
        #[allow(unused_mut)]
        let mut model = self.fold_model(c1.alpha, randomness);
        #[cfg(test)]
        let columns = match session.cheat {
            Some(cheat) => cheat.after_m1(columns, &mut model, &c1),
            None => columns,
        };
        let masks = MaskColumns::new(size, randomness);
        let (c_h, c_s) = commit::inverses_and_masks(powers, &columns, &buckets, &inverses, &masks);
        #[allow(unused_mut)]
        let mut sigma = masks.sigma();
        let points = m2_points(&c_h, &c_s, &model.c_q, model.d, model.a_d);
        let (transcript, c2) = transcript.m2(&points, bound_sigma(sigma, rules), size.variables());

        // M3, M4
        let functions = Functions::new(vk.shape(), size, &c1, &c2, rules);
        let inputs = sumcheck::Inputs {
            columns: &columns,
            inverses: &inverses,
            masks: &masks,
            functions: &functions,
            g: &model.g,
            c1: &c1,
            c2: &c2,
            rules,
        };
        #[allow(unused_mut)]
        let (transcript, mut rounds) = sumcheck::prove(&inputs, transcript);
        #[cfg(test)]
        let forgery = crate::testing::Forgery::start(
            session,
            statements,
            &functions,
            &mut rounds,
            &mut sigma,
            size,
            &c1,
            &c2,
        );
        let (transcript, rho) = transcript.m4(&rounds.evals);

        // M5
        let rho = mle::powers(rho, order.count());
        let inj = Zeroizing::new(model.g.iter().map(|g| *g * rho[order.g()]).collect());
        #[allow(unused_mut)]
        let mut folds = Folds::new(
            batch(&columns, &inverses, &masks, &rho),
            inj,
            size.kappa,
            &rounds.r,
            rules,
        );
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
        let zr: Vec<Fr> = model
            .nonces
            .iter()
            .zip(model.masks.iter())
            .map(|(a, m)| *a + c2.c_d * m)
            .collect();
        transcript.pi_2(&pi_2, &zr);

        Ok(Proof {
            c_l,
            c_h,
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
            pi_1,
            pi_2,
            zr,
        })
    }

    /// M2: `G`, the quotient commitments, `D` and `A_D`.
    fn fold_model(&self, alpha: Fr, randomness: &mut Randomness) -> FoldedModel {
        let roots = self.key.vk.roots(alpha);
        let count = 2 + roots.len();
        let draw = |randomness: &mut Randomness| {
            Zeroizing::new((0..count).map(|_| randomness.scalar()).collect())
        };
        let masks: Zeroizing<Vec<Fr>> = draw(randomness);
        let nonces: Zeroizing<Vec<Fr>> = draw(randomness);
        let mut g = fold_weights::fold(&self.key.weights, self.key.omega, alpha);
        g[0] += masks[0];
        g[1] += masks[1];
        let quotients = self.quotients(alpha).into_iter().zip(&masks[2..]);
        let c_q = quotients
            .map(|(q, s)| (G1Projective::from(q) + G1Affine::generator() * s).into_affine())
            .collect();
        FoldedModel {
            d: schnorr_point(self.tau, &self.moduli, &roots, &masks),
            a_d: schnorr_point(self.tau, &self.moduli, &roots, &nonces),
            g,
            c_q,
            masks,
            nonces,
        }
    }

    /// `[q_1]_1 (, [q_2]_1)` without masks.
    fn quotients(&self, alpha: Fr) -> Vec<G1Affine> {
        let weights = self.key.vk.quotient_weights(alpha);
        self.quotients
            .iter()
            .zip(&weights)
            .map(|(table, weights)| table.msm(weights))
            .collect()
    }
}

/// `G` and everything that is sent for it.
pub(crate) struct FoldedModel {
    /// `G` over positions `0..P`.
    pub(crate) g: Zeroizing<Vec<Fr>>,
    pub(crate) c_q: Vec<G1Affine>,
    pub(crate) d: G1Affine,
    pub(crate) a_d: G1Affine,
    /// `g_0, g_1, s_1 (, s_2)`.
    pub(crate) masks: Zeroizing<Vec<Fr>>,
    /// `a_0, .., a_{t+1}`.
    pub(crate) nonces: Zeroizing<Vec<Fr>>,
}

fn check_inputs(shape: &Shape, inputs: &[u16]) -> Result<(), CircuitError> {
    if inputs.len() == shape.inputs() {
        return Ok(());
    }
    Err(CircuitError::Length {
        what: "inputs",
        got: inputs.len(),
        expected: shape.inputs(),
    })
}

/// `sigma` as M2 binds it.
pub(crate) fn bound_sigma(sigma: Fr, rules: Rules) -> Fr {
    if rules.on(Rule::Sigma) {
        sigma
    } else {
        Fr::default()
    }
}

/// The transcript up to the public values.
pub(crate) fn start(
    vkd: &[u8; 32],
    statements: &[Statement],
    rules: Rules,
) -> Transcript<crate::transcript::stage::M1> {
    let sid = if rules.on(Rule::StatementId) {
        session_id(statements)
    } else {
        [0; 32]
    };
    let public: Vec<u8> = statements
        .iter()
        .flat_map(|s| s.values.to_bytes())
        .collect();
    Transcript::new(vkd, statements.len(), &sid, &public)
}
