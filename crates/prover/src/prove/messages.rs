//! §6: the messages M1 to M7 in order.

use ark_bn254::{Fr, G1Affine};
use zeroize::Zeroizing;

use super::committed::Tensors;
use super::{Prover, Session};
use crate::columns::LimbColumns;
use crate::commit;
use crate::error::ProveError;
use crate::mle;
use crate::opening::prove::{Folds, add, batch};
use crate::proof::{Proof, m2_points};
use crate::randomness::Randomness;
use crate::rules::{Rule, Rules};
use crate::statement::{Statement, session_id};
use crate::sumcheck::functions::Functions;
use crate::sumcheck::inverses::Inverses;
use crate::sumcheck::masks::MaskColumns;
use crate::sumcheck::phi::EvalOrder;
use crate::sumcheck::prove as sumcheck;
use crate::transcript::{Transcript, stage};

impl Prover {
    /// M1 to M7.
    pub(super) fn prove_columns(
        &self,
        statements: &[Statement],
        columns: LimbColumns,
        tensors: &[Tensors],
        randomness: &mut Randomness,
        session: Session<'_>,
    ) -> Result<Proof, ProveError> {
        let (vk, rules, size, powers) = (&self.key.vk, session.rules, columns.size, &self.powers);
        let order = EvalOrder { ell: columns.limbs.len() };
        let transcript = start(&self.vkd, statements, rules);

        // M1
        let total = self.totals[size.kappa].get_or_init(|| commit::total(powers, size));
        let (c_l, buckets) = commit::limbs(powers, &columns, total);
        let (transcript, c1) = transcript.m1(&c_l);

        // M2
        let inverses = Inverses::new(&columns, c1.beta).ok_or(ProveError::Challenge)?;
        let blinding = self.points.draw(randomness);
        let masks = MaskColumns::new(size, randomness);
        #[allow(unused_mut)]
        let mut masked = self.mask_tensors(tensors, randomness);
        #[cfg(test)]
        let columns = match session.cheat {
            Some(cheat) => cheat.after_m1(columns, &c1),
            None => columns,
        };
        #[allow(unused_mut)]
        let (mut model, (c_h, c_s)) = rayon::join(
            || self.fold_model(c1.alpha, blinding),
            || commit::inverses_and_masks(powers, &columns, &buckets, &inverses, &masks),
        );
        #[cfg(test)]
        if let Some(cheat) = session.cheat {
            cheat.model(&columns, &mut model, &c1);
            cheat.masked(tensors, &mut masked, &c1);
        }
        #[allow(unused_mut)]
        let mut sigma = masks.sigma();
        let d_committed: Vec<[G1Affine; 2]> = masked.iter().map(|m| [m.d, m.a_d]).collect();
        let points = m2_points(&c_h, &c_s, &model.c_q, model.d, model.a_d, &d_committed);
        let (transcript, c2) = transcript.m2(&points, bound_sigma(sigma, rules), size.variables());

        // M3, M4
        let functions = Functions::new(vk.shape(), size, &c1, &c2, rules);
        #[allow(unused_mut)]
        let mut combined: Vec<_> =
            masked.iter().zip(tensors).map(|(m, t)| m.combine(&t.elements, &t.blindings, c2.mu)).collect();
        #[cfg(test)]
        if let Some(cheat) = session.cheat {
            cheat.combined(&mut combined);
        }
        let inputs = sumcheck::Inputs {
            columns: &columns,
            inverses: &inverses,
            masks: &masks,
            functions: &functions,
            g: &model.g,
            committed: &combined,
            c1: &c1,
            c2: &c2,
            rules,
        };
        #[allow(unused_mut)]
        let (transcript, mut rounds) = sumcheck::prove(&inputs, transcript);
        #[cfg(test)]
        let forgery =
            crate::testing::Forgery::start(session, statements, &functions, &mut rounds, &mut sigma, size, &c1, &c2);
        let (transcript, rho) = transcript.m4(&rounds.evals);

        // M5
        let rho = mle::powers(rho, order.count(tensors.len()));
        let mut inj: Zeroizing<Vec<Fr>> = Zeroizing::new(model.g.iter().map(|g| *g * rho[order.g()]).collect());
        for (i, x) in combined.iter().enumerate() {
            add(&mut inj, x, rho[order.committed(i)]);
        }
        #[allow(unused_mut)]
        let mut folds = Folds::new(batch(&columns, &inverses, &masks, &rho), [(size.kappa, inj)], &rounds.r, rules);
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
        let mut zr: Vec<Fr> = model.nonces.iter().zip(model.masks.iter()).map(|(a, m)| *a + c2.c_d * m).collect();
        masked.iter().for_each(|m| zr.extend(m.responses(c2.c_d)));
        transcript.pi_2(&pi_2, &zr);

        Ok(Proof {
            c_l,
            c_h,
            c_s,
            c_q: model.c_q,
            d: model.d,
            a_d: model.a_d,
            d_committed,
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
}

/// `sigma` as M2 binds it.
pub(crate) fn bound_sigma(sigma: Fr, rules: Rules) -> Fr {
    if rules.on(Rule::Sigma) { sigma } else { Fr::default() }
}

/// The transcript up to the public values.
pub(crate) fn start(vkd: &[u8; 32], statements: &[Statement], rules: Rules) -> Transcript<stage::M1> {
    if !rules.on(Rule::Points) {
        return Transcript::new(vkd, statements.len(), &[0; 32], &[]);
    }
    let sid = if rules.on(Rule::StatementId) { session_id(statements) } else { [0; 32] };
    let public: Vec<u8> = statements.iter().flat_map(|s| s.values.to_bytes()).collect();
    Transcript::new(vkd, statements.len(), &sid, &public)
}
