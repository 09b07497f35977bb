//! From equations of Lagrange points and the first few powers to all powers of a domain.

use crate::{fft, key::Row, powers::Powers};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;
use std::collections::BTreeSet;

/// `[tau^i]` for i below the size of the domain.
pub fn powers<P: Powers>(size: usize, equations: Vec<(Row, P)>, known: &[P]) -> Result<Vec<P::Group>, String> {
    let known: Vec<P::Group> = known.iter().map(|point| point.into_group()).collect();
    let lagrange = Echelon::<P>::of(size, equations)?.determined();
    let open: Vec<usize> = (0..size).filter(|j| lagrange[*j].is_none()).collect();
    println!("  domain {size}: {} points stay open, {} powers are known", open.len(), known.len());
    if open.len() > known.len() {
        return Err("too few powers are known for these keys".into());
    }
    let root = fft::root(size)?;
    let mut lagrange = complete::<P>(lagrange, root, &open, &known)?;
    // tau^i = sum_j w^(ij) L_j(tau).
    fft::transform(&mut lagrange, root);
    Ok(lagrange)
}

/// How many points the equations determine together, and how many of them stay open one by one.
pub fn rank<P: Powers>(size: usize, equations: Vec<(Row, P)>) -> Result<(usize, usize), String> {
    let echelon = Echelon::<P>::of(size, equations)?;
    Ok((echelon.pivots.len(), echelon.determined().iter().filter(|point| point.is_none()).count()))
}

/// Those points that the equations leave open, one by one, from the powers.
fn complete<P: Powers>(
    lagrange: Vec<Option<P::Group>>,
    root: Fr,
    open: &[usize],
    known: &[P::Group],
) -> Result<Vec<P::Group>, String> {
    let mut lagrange: Vec<P::Group> = lagrange.into_iter().map(Option::unwrap_or_default).collect();
    if !open.is_empty() {
        // What the open points have to add to the first powers.
        let mut sums = lagrange.clone();
        fft::transform(&mut sums, root);
        let missing: Vec<P::Group> = known[..open.len()].iter().zip(sums).map(|(power, sum)| *power - sum).collect();
        for (j, point) in open.iter().zip(interpolate::<P>(lagrange.len(), root, open, &missing)?) {
            lagrange[*j] = point;
        }
    }
    Ok(lagrange)
}

/// Equations after elimination: the pivot of each is in no later one.
struct Echelon<P: Powers> {
    size: usize,
    pivots: Vec<(usize, u32)>,
    rows: Vec<Row>,
    sides: Vec<P::Group>,
}

impl<P: Powers> Echelon<P> {
    /// Sparse Gaussian elimination, the shortest equation first and in it the rarest point.
    fn of(size: usize, equations: Vec<(Row, P)>) -> Result<Self, String> {
        let equations = equations.into_iter().filter(|(row, _)| !row.is_empty());
        let (mut rows, points): (Vec<Row>, Vec<P>) = equations.unzip();
        let mut sides: Vec<P::Group> = points.iter().map(|point| point.into_group()).collect();
        // Which equations a point is in; the equations that are left, by their lengths.
        let mut columns = vec![BTreeSet::new(); size];
        for (i, row) in rows.iter().enumerate() {
            for j in row.keys() {
                columns[*j as usize].insert(i);
            }
        }
        let mut left: BTreeSet<(usize, usize)> = rows.iter().enumerate().map(|(i, row)| (row.len(), i)).collect();
        let mut pivots = Vec::new();
        while let Some((length, i)) = left.pop_first() {
            if length == 0 {
                if sides[i] != P::Group::default() {
                    return Err("the equations contradict each other".into());
                }
                continue;
            }
            let pivot =
                rows[i].keys().copied().min_by_key(|j| columns[*j as usize].len()).ok_or("an empty equation")?;
            let inverse = rows[i][&pivot].inverse().ok_or("a coefficient is 0")?;
            rows[i].values_mut().for_each(|value| *value *= inverse);
            sides[i] *= inverse;
            let row = rows[i].clone();
            for j in row.keys() {
                columns[*j as usize].remove(&i);
            }
            let others: Vec<(usize, Fr)> = columns[pivot as usize].iter().map(|o| (*o, rows[*o][&pivot])).collect();
            for (other, factor) in &others {
                left.remove(&(rows[*other].len(), *other));
                for (j, value) in &row {
                    let entry = rows[*other].entry(*j).or_insert(Fr::ZERO);
                    *entry -= *value * factor;
                    if *entry == Fr::ZERO {
                        rows[*other].remove(j);
                        columns[*j as usize].remove(other);
                    } else {
                        columns[*j as usize].insert(*other);
                    }
                }
                left.insert((rows[*other].len(), *other));
            }
            let side = sides[i];
            let changed: Vec<P::Group> =
                others.par_iter().map(|(other, factor)| sides[*other] - side * factor).collect();
            others.iter().zip(changed).for_each(|((other, _), point)| sides[*other] = point);
            pivots.push((i, pivot));
        }
        Ok(Self { size, pivots, rows, sides })
    }

    /// The points that the equations alone determine. Backwards: a pivot's equation speaks of points that became pivots later, or
    /// never.
    fn determined(&self) -> Vec<Option<P::Group>> {
        let mut found: Vec<Option<P::Group>> = vec![None; self.size];
        for (i, pivot) in self.pivots.iter().rev() {
            let mut others = self.rows[*i].iter().filter(|(j, _)| *j != pivot);
            found[*pivot as usize] =
                others.try_fold(self.sides[*i], |sum, (j, value)| Some(sum - found[*j as usize]? * value));
        }
        found
    }
}

/// The points `x_j` at places `open` with `sum_j w^(ij) x_j = sums[i]` for i below their number.
///
/// With V the polynomial that vanishes at the `w^j`, `V / (X - w^j)` is 0 at all of them but one: its coefficients turn
/// the sums into `V'(w^j) x_j`. They are `sum_(m > i) v_m w^(j (m - i - 1))`, so that `V'(w^j) x_j = h(w^j)` for the
/// polynomial h with the coefficients `h_e = sum_i v_(i + e + 1) sums_i`.
fn interpolate<P: Powers>(size: usize, root: Fr, open: &[usize], sums: &[P::Group]) -> Result<Vec<P::Group>, String> {
    let d = open.len();
    let places: Vec<Fr> = open.iter().map(|j| root.pow([*j as u64])).collect();
    let vanishing = vanishing(&places)?;
    // h_(d-1-k) = sum_i v_(d - (k - i)) sums_i: a convolution.
    let wide = (2 * d).next_power_of_two();
    let wide_root = fft::root(wide)?;
    let mut h = sums.to_vec();
    h.resize(wide, P::Group::default());
    let mut reversed = vec![Fr::ZERO; wide];
    (0..d).for_each(|k| reversed[k] = vanishing[d - k]);
    fft::transform(&mut h, wide_root);
    fft::transform(&mut reversed, wide_root);
    h.par_iter_mut().zip(&reversed).for_each(|(point, factor)| *point *= *factor);
    fft::transform(&mut h, wide_root.inverse().ok_or("a root is 0")?);
    h.truncate(d);
    h.reverse();
    h.resize(size, P::Group::default());
    fft::transform(&mut h, root);
    let mut derivative = vec![Fr::ZERO; size];
    (1..=d).for_each(|k| derivative[k - 1] = vanishing[k] * Fr::from(k as u64));
    fft::transform(&mut derivative, root);
    let scale = Fr::from(wide as u64);
    open.par_iter().map(|j| Ok(h[*j] * (derivative[*j] * scale).inverse().ok_or("two places are the same")?)).collect()
}

/// The coefficients of the product of all X - place, of a non-empty list.
fn vanishing(places: &[Fr]) -> Result<Vec<Fr>, String> {
    match places {
        [place] => Ok(vec![-*place, Fr::ONE]),
        _ => {
            let (left, right) = places.split_at(places.len() / 2);
            multiply(vanishing(left)?, vanishing(right)?)
        }
    }
}

fn multiply(mut a: Vec<Fr>, mut b: Vec<Fr>) -> Result<Vec<Fr>, String> {
    let length = a.len() + b.len() - 1;
    let size = length.next_power_of_two();
    let root = fft::root(size)?;
    for factor in [&mut a, &mut b] {
        factor.resize(size, Fr::ZERO);
        fft::transform(factor, root);
    }
    a.iter_mut().zip(&b).for_each(|(x, y)| *x *= y);
    fft::transform(&mut a, root.inverse().ok_or("a root is 0")?);
    let scale = Fr::from(size as u64).inverse().ok_or("a size is 0")?;
    a.truncate(length);
    a.iter_mut().for_each(|x| *x *= scale);
    Ok(a)
}
