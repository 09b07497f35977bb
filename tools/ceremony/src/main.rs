//! Makes the powers of a ceremony from a small `.ptau` file of it and Groth16 proving keys over the same phase 1.
//!
//! ```text
//! ceremony OUT POWERS EXPONENTS small.ptau g1 KEY[,KEY]… g2 KEY[,KEY]…
//! ceremony rank g1|g2 KEY[,KEY]…         how much keys say, to choose them by
//! ```
//!
//! A proving key holds, for every wire, a known linear combination of Lagrange points `[L_j(tau)]` of its domain. Keys
//! of one domain (a step: `KEY,KEY`) are equations for the same points; what they leave open, powers that are known
//! already determine. So every step gives all powers below the size of its domain, and the next step goes on from there.
//! `rebuild` names the keys, and where they come from.
//!
//! Nothing is trusted: a step ends with a comparison with the powers before it and with a pairing equation over all powers
//! against the tau of the `.ptau` file, and what is written has passed every check of the prover's reader, which knows the
//! ceremony's `[tau]_2`.

mod fft;
mod key;
mod powers;
mod solve;

use ark_bn254::{G1Affine, G2Affine};
use powers::{Powers, Raw};
use std::{fs, time::Instant};
use zkinfer_prover::srs::{HEZ_FINAL, Srs};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["rank", "g1", ref steps @ ..] => return steps.iter().try_for_each(|keys| rank::<G1Affine>(keys)),
        ["rank", "g2", ref steps @ ..] => return steps.iter().try_for_each(|keys| rank::<G2Affine>(keys)),
        _ => {}
    }
    let [out, count, exponents, ptau, steps @ ..] = arguments.as_slice() else {
        return Err("usage: ceremony OUT POWERS EXPONENTS FILE.ptau g1 KEY[,KEY]… g2 KEY[,KEY]…".into());
    };
    let (count, exponents): (usize, u32) = (count.parse()?, exponents.parse()?);
    let Some(at) =
        steps.iter().position(|word| word == "g2").filter(|_| steps.first().is_some_and(|word| word == "g1"))
    else {
        return Err("the steps are `g1 KEY… g2 KEY…`".into());
    };
    let (mut g1, mut g2) = powers::read_ptau(&fs::read(ptau)?)?;
    let (tau_g1, tau_g2) = (g1[1], g2[1]);
    for step in &steps[at + 1..] {
        extend(&mut g2, step, &tau_g1)?;
    }
    for step in &steps[1..at] {
        extend(&mut g1, step, &tau_g2)?;
    }
    write(out, &g1, &g2, count, exponents)
}

/// How much the keys of a step say, without any point: for choosing keys.
fn rank<P: Powers>(keys: &str) -> Result<(), Failure> {
    let (size, equations) = read::<P>(keys)?;
    let nothing = equations.into_iter().map(|(row, _)| (row, P::zero())).collect();
    let (rank, open) = solve::rank(size, nothing)?;
    println!("{keys}: domain {size}, rank {rank}, {open} points stay open");
    Ok(())
}

/// One step: `keys`, with commas between them, are of one domain.
fn extend<P: Powers>(known: &mut Vec<P>, keys: &str, tau: &P::Other) -> Result<(), Failure> {
    let start = Instant::now();
    let (size, equations) = read::<P>(keys)?;
    let all = solve::powers(size, equations, known)?;
    let all = P::normalize(&all);
    if all.get(..known.len()) != Some(&known[..]) {
        return Err(format!("{keys}: does not agree with the powers that are known").into());
    }
    if !P::are_consecutive(&all, tau) {
        return Err(format!("{keys}: what comes out are no powers of tau").into());
    }
    println!("{} powers in {} by {keys}, {:.0?}", all.len(), P::GROUP, start.elapsed());
    *known = all;
    Ok(())
}

/// The equations of keys of one domain, and its size.
fn read<P: Powers>(keys: &str) -> Result<(usize, Vec<(key::Row, P)>), Failure> {
    let (mut size, mut equations) = (0, Vec::new());
    for path in keys.split(',') {
        let key = key::read(&fs::read(path)?).map_err(|error| format!("{path}: {error}"))?;
        if size != 0 && size != key.domain {
            return Err(format!("{path} is of another domain than the key before it").into());
        }
        size = key.domain;
        equations.extend(P::equations(key));
    }
    Ok((size, equations))
}

/// Writes the first powers as they ship, once the prover's reader has accepted them.
fn write(out: &str, g1: &[G1Affine], g2: &[G2Affine], count: usize, exponents: u32) -> Result<(), Failure> {
    let pinned = 0..exponents;
    let (Some(powers), Some(_)) = (g1.get(..count), g2.get(1 << (exponents - 1))) else {
        return Err(format!("the steps gave {} powers in G1 and {} in G2", g1.len(), g2.len()).into());
    };
    let mut excerpt = b"zkinfer SRS v1\0\0".to_vec();
    excerpt.extend(exponents.to_le_bytes());
    excerpt.extend(u32::try_from(count)?.to_le_bytes());
    pinned.clone().for_each(|j| g1[1 << j].write(&mut excerpt));
    pinned.for_each(|j| g2[1 << j].write(&mut excerpt));
    powers.iter().for_each(|point| point.write(&mut excerpt));
    let srs = Srs::from_excerpt(excerpt, count)?;
    if srs.pinned().g2(0) != Some(HEZ_FINAL.tau_g2) {
        return Err("these are the powers of another ceremony".into());
    }
    srs.write_compressed(count, exponents as usize, fs::File::create_new(out)?)?;
    println!("{out}: {srs}");
    Ok(())
}
