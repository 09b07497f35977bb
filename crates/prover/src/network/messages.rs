//! N5: the messages M1 to M7 of the prover, in order.

use ark_bn254::{Fr, G1Affine};
use zeroize::Zeroizing;

use super::columns::NetworkColumns;
use super::functions::Functions;
use super::helpers::Helpers;
use super::program::{Access, Parts, Program};
use super::proof::{M2Points, NetworkProof};
use super::prove::{NetworkProver, Session};
use super::statement::{self, NetworkStatement, session};
use super::sumcheck;
use super::tensors::PortTensors;
use crate::commit;
use crate::encoding::signed;
use crate::error::ProveError;
use crate::mle;
use crate::opening::prove::Folds;
use crate::prove::{MaskedTensors, bound_sigma};
use crate::randomness::Randomness;
use crate::rules::{Rule, Rules};
use crate::sumcheck::masks::{MaskColumns, support_below};
use crate::transcript::{Transcript, stage};

impl NetworkProver {
    /// M1 to M7.
    pub(super) fn prove_columns(
        &self,
        statements: &[NetworkStatement],
        columns: NetworkColumns,
        tensors: &[PortTensors],
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
        let blinding = self.points.draw(random);
        let masks = MaskColumns::on(support_below(l, size.reach()), random);
        let y_masks: [Fr; 2] = random.scalars();
        #[allow(unused_mut)]
        let mut masked: Vec<_> = tensors.iter().map(|_| MaskedTensors::draw(&self.points.blinding, random)).collect();
        #[cfg(test)]
        let columns = match session.cheat {
            Some(cheat) => cheat.after_m1(columns, &c1),
            None => columns,
        };
        let mut helpers = Helpers::new(p, &columns, &self.fixed, &c1, rules).ok_or(ProveError::Challenge)?;
        // Hats do not depend on the challenges after M2, whose places 1 stands in for.
        let hats = Functions::for_hats(p, size, &c1).ok_or(ProveError::Challenge)?;
        #[allow(unused_mut)]
        let mut y = Zeroizing::new(hats.hat_values(|a, view| view_values(p, &columns, a, view, c1.mu)));
        y[..2].copy_from_slice(&y_masks);
        helpers.add_products(&columns, p, &hats);
        #[cfg(test)]
        let columns = match session.cheat {
            Some(cheat) => cheat.after_helpers(columns, &helpers, &c1),
            None => columns,
        };
        let level = vk.level();
        let scales = hats.scales();
        #[allow(unused_mut)]
        let (mut model, ((c_h, c_products, c_s), mut c_y)) = rayon::join(
            || {
                let g = self.key.weights.fold(p, self.key.omega, c1.alpha);
                let weights = level.quotient_weights(p.blocks as usize, c1.alpha);
                self.points.fold(g, &level.roots(c1.alpha), &weights, blinding)
            },
            || (columns.m2(powers, (&buckets, total), &helpers, &masks), powers.commit_small(&y, &scales)),
        );
        #[allow(unused_mut)]
        let mut combined: Vec<_> =
            masked.iter().zip(tensors).map(|(m, t)| m.combine(&t.elements, &t.blindings, c1.mu)).collect();
        #[cfg(test)]
        if let Some(cheat) = session.cheat {
            cheat.model(&mut model, &c1);
            cheat.hats(&mut y, &model, &c1);
            cheat.tensors_after_m1(&mut masked, &mut combined, &c1);
            c_y = powers.commit(&[&y])[0];
        }
        #[allow(unused_mut)]
        let mut sigma = masks.sigma();
        let d_committed: Vec<[G1Affine; 2]> = masked.iter().map(|m| [m.d, m.a_d]).collect();
        let points = M2Points {
            c_h: &c_h,
            c_y,
            c_products: &c_products,
            c_s: &c_s,
            c_q: &model.c_q,
            d: [model.d, model.a_d],
            d_committed: &d_committed,
        };
        let (transcript, c2) = transcript.m2(&points.to_vec(), bound_sigma(sigma, rules), l);

        // M3, M4
        let values = statement::elements(statements);
        let functions = Functions::new(p, size, &c1, &c2, &values, rules).ok_or(ProveError::Challenge)?;
        let inputs = sumcheck::Inputs {
            p,
            columns: &columns,
            helpers: &helpers,
            fixed: &self.fixed,
            masks: &masks,
            functions: &functions,
            g: &model.g,
            y: &y,
            tensors: &combined,
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
        let weighted = |polynomial: &[Fr], at: usize| {
            let mut out = Zeroizing::new(Vec::with_capacity(polynomial.len()));
            out.extend(polynomial.iter().map(|c| *c * rho[at]));
            out
        };
        let mut injected = vec![(size.lo(), weighted(&model.g, order.g())), (size.lo(), weighted(&y, order.y()))];
        for (i, column) in self.fixed.iter().enumerate() {
            let column: Vec<Fr> = column.iter().map(|v| signed(*v)).collect();
            injected.push((size.rows.kappa, weighted(&column, order.fixed() + i)));
        }
        for (s, x) in combined.iter().enumerate() {
            injected.push((size.tensor_level(s), weighted(x, order.tensor(s))));
        }
        let mut p_0 = columns.batch(&rho, &helpers);
        masks.add_to(&mut p_0, [rho[order.s(1)], rho[order.s(2)], rho[order.s(3)], rho[order.s0()]]);
        #[allow(unused_mut)]
        let mut folds = Folds::new(p_0, injected, &rounds.r, rules);
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

        Ok(NetworkProof {
            m1,
            c_h,
            c_y,
            c_products,
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
            pi: [pi_1, pi_2],
            zr,
        })
    }
}

/// `sum_k mu^k view(p, k)` over the positions of an access' tensor.
fn view_values(p: &Parts, columns: &NetworkColumns, a: &Access, view: usize, mu: Fr) -> Vec<Fr> {
    let t = &p.tensors[usize::from(a.tensor)];
    let form = &p.kinds[usize::from(t.kind)].views[view];
    let powers = mle::powers(mu, columns.size.rows.samples);
    let value = |position: usize| {
        let row = columns.size.row(position);
        powers.iter().enumerate().map(|(k, mu)| *mu * columns.field_value(form, row + k)).sum::<Fr>()
    };
    (t.base as usize..t.end() as usize).map(value).collect()
}

/// The transcript up to the public values.
pub(crate) fn start(
    vkd: &[u8; 32],
    program: &Program,
    statements: &[NetworkStatement],
    rules: Rules,
) -> Transcript<stage::NetworkM1> {
    let (sid, public) = session(program.parts(), statements);
    let sid = if rules.on(Rule::StatementId) { sid } else { [0; 32] };
    Transcript::network(vkd, statements.len(), &sid, &public)
}
