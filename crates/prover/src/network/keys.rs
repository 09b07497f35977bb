//! N3: keys of a general network.

use core::fmt;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use zeroize::{Zeroize, Zeroizing};

use super::fixed::Fixed;
use super::graph::{Compiled, Graph};
use super::layout::{degree_bound, nu, srs_size};
use super::phi::Order;
use super::program::Program;
use super::weights::NetworkWeights;
use crate::encoding::{POINT, Reader, SCALAR, keccak, point_bytes, scalar_bytes};
use crate::error::{CircuitError, EncodingError, KeyError};
use crate::keys::{Level, ModelSecret};
use crate::setup::key_check;
use crate::setup::quotients::{self, ModelCommitment};
use crate::srs::Srs;

/// Version of the verifying-key encoding.
const VERSION: u16 = 2;

/// The public key of a network. It holds no SRS point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkVerifyingKey {
    program: Program,
    level: Level,
    srs_id: [u8; 32],
    commitment: G1Affine,
    fixed_digest: [u8; 32],
    /// `T_out, addr_1.., mult`, those that exist.
    fixed: Vec<G1Affine>,
}

/// Whether two quotient levels exist: `2 <= 2^rho2 < R`.
fn check_level(level: Level, program: &Program) -> Result<(), KeyError> {
    match level {
        Level::Two { rho2 } if rho2 == 0 || rho2 >= 32 || 1u64 << rho2 >= u64::from(program.parts().blocks) => {
            Err(KeyError::Level(rho2))
        }
        _ => Ok(()),
    }
}

impl NetworkVerifyingKey {
    /// The program.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// How quotients are cached.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// The SRS id.
    #[must_use]
    pub fn srs_id(&self) -> &[u8; 32] {
        &self.srs_id
    }

    /// `C_f`.
    pub fn commitment(&self) -> G1Affine {
        self.commitment
    }

    /// The fixed commitments.
    pub(crate) fn fixed(&self) -> &[G1Affine] {
        &self.fixed
    }

    /// The canonical bytes of N3, without the program: they hold its digest.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = VERSION.to_be_bytes().to_vec();
        out.extend([0, self.level.byte()]);
        out.extend(self.srs_id);
        out.extend(point_bytes(&self.commitment));
        out.extend(self.program.digest());
        out.extend(self.fixed_digest);
        self.fixed.iter().for_each(|p| out.extend(point_bytes(p)));
        out
    }

    /// Reads the canonical bytes of a key, of its program, and of its tables and copies ([`Fixed::to_bytes`]).
    ///
    /// That the fixed commitments are those of the fixed bytes is left to [`Self::check`]: it takes powers of tau.
    ///
    /// # Errors
    /// The bytes are not canonical, the program or the fixed bytes are others, or [`Program::check`] refuses them.
    pub fn from_bytes(bytes: &[u8], program: &[u8], fixed: &[u8]) -> Result<Self, KeyError> {
        let key = Self::from_unregistered_bytes(bytes, program)?;
        if keccak(&[fixed]) != key.fixed_digest {
            return Err(KeyError::FixedMismatch);
        }
        let fixed = Fixed::from_bytes(key.program.parts().tables, fixed).map_err(CircuitError::from)?;
        key.program.check(&fixed).map_err(CircuitError::from)?;
        Ok(key)
    }

    /// Reads the canonical bytes of a key and of its program: V1 of N8, all that a verifier needs.
    ///
    /// A proof under such a key says what its program says. Whether the outputs are a function of the inputs is for
    /// whoever registered the key to have found out ([`Self::check`]), and for the caller to know.
    ///
    /// # Errors
    /// The bytes are not canonical, or the program is another one.
    pub fn from_unregistered_bytes(bytes: &[u8], program: &[u8]) -> Result<Self, KeyError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u16()?;
        if version != VERSION {
            return Err(EncodingError::Version(version).into());
        }
        let flags = reader.u8()?;
        if flags != 0 {
            return Err(EncodingError::Flags(flags).into());
        }
        let level = match reader.u8()? {
            0 => Level::One,
            rho2 => Level::Two { rho2 },
        };
        let (srs_id, commitment) = (reader.bytes()?, reader.point()?);
        let (digest, fixed_digest): ([u8; 32], [u8; 32]) = (reader.bytes()?, reader.bytes()?);
        if keccak(&[program]) != digest {
            return Err(KeyError::ProgramMismatch);
        }
        let program = Program::from_bytes(program).map_err(CircuitError::from)?;
        check_level(level, &program)?;
        let fixed = reader.points(Order::new(program.parts()).fixed_count())?;
        reader.end()?;
        Ok(Self { program, level, srs_id, commitment, fixed_digest, fixed })
    }

    /// What registration of N11 finds out without a secret: the fixed commitments are those of `fixed`, and with it the
    /// program is a function that is implemented. That the coefficients of `f` are small is [`check_opening`]'s to say.
    ///
    /// # Errors
    /// The tables and copies are others, [`Program::check`] refuses them, or the SRS is another one or too small.
    pub fn check(&self, fixed: &Fixed, srs: &Srs) -> Result<(), KeyError> {
        if self.srs_id != *srs.id() {
            return Err(KeyError::SrsMismatch);
        }
        self.program.check(fixed).map_err(CircuitError::from)?;
        let same = fixed.digest() == self.fixed_digest && fixed.commit(self.program.parts(), srs)? == self.fixed;
        if same { Ok(()) } else { Err(KeyError::FixedMismatch) }
    }

    /// `vkd = keccak(TAG_VK || vk bytes)`.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        keccak(&[&keccak(&[b"zkinfer/native-vk/v2"]), &self.to_bytes()])
    }

    /// `t` quotient moduli as exponents `j` of `X^{2^j}`.
    #[must_use]
    pub fn exponents(&self) -> Vec<usize> {
        self.level.exponents(nu(self.program.parts()))
    }
}

/// What a graph asks of a setup and of its provers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkSize {
    /// Powers of tau in G1 that the setup takes.
    pub powers: usize,
    /// The last exponent `j` of a quotient modulus `X^{2^j}`, with the level that [`generate`] chooses.
    pub exponent: usize,
    /// Rows of one sample.
    pub positions: usize,
    /// Byte columns.
    pub limbs: usize,
    /// Coefficients of `f`, gaps included.
    pub coefficients: usize,
}

impl NetworkSize {
    /// Lowers the graph and counts.
    ///
    /// # Errors
    /// The graph has no program.
    pub fn of(graph: &Graph) -> Result<Self, CircuitError> {
        let Compiled { program, weights, .. } = graph.compile()?;
        let p = program.parts();
        let blocks = p.blocks as usize;
        let level = Level::default_for_rows(blocks, weights.one_level_additions());
        Ok(Self {
            powers: srs_size(p, 1)?,
            exponent: level.exponents(nu(p)).into_iter().max().unwrap_or(0),
            positions: p.positions as usize,
            limbs: p.limbs.into(),
            coefficients: blocks * p.hat_end as usize,
        })
    }
}

impl Program {
    /// Powers of tau in G1 that a prover of that many samples takes.
    ///
    /// # Errors
    /// The number of samples, or of rows, is out of bounds.
    pub fn powers(&self, samples: usize) -> Result<usize, CircuitError> {
        srs_size(self.parts(), samples)
    }
}

/// Everything the prover of a network needs besides the SRS. Secret: no `Debug` of the values.
#[derive(Clone)]
pub struct NetworkProvingKey {
    pub(crate) vk: NetworkVerifyingKey,
    pub(crate) graph: Graph,
    pub(crate) weights: NetworkWeights,
    pub(crate) fixed: Fixed,
    pub(crate) omega: Fr,
    /// `P_d`, or `O_c` then `O_{c,e}`.
    pub(crate) quotients: Vec<G1Affine>,
}

impl fmt::Debug for NetworkProvingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkProvingKey").field("vk", &self.vk).finish_non_exhaustive()
    }
}

impl Drop for NetworkProvingKey {
    fn drop(&mut self) {
        self.omega.zeroize();
    }
}

impl NetworkProvingKey {
    /// The verifying key.
    #[must_use]
    pub fn verifying_key(&self) -> &NetworkVerifyingKey {
        &self.vk
    }

    /// The graph with its weights.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Its tables and copies, which are public.
    #[must_use]
    pub fn fixed(&self) -> &Fixed {
        &self.fixed
    }

    /// Secret bytes for storage: length of the verifying key (4 bytes), verifying key, length of the graph (4 bytes),
    /// graph, `omega`, the `R - 1` quotient points. Program and fixed data are those of the graph.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let (vk, graph) = (self.vk.to_bytes(), self.graph.to_bytes());
        // Exact capacity: a growing vector would leave copies of the secret behind.
        let len = 4 + vk.len() + 4 + graph.len() + SCALAR + POINT * self.quotients.len();
        let mut out = Zeroizing::new(Vec::with_capacity(len));
        // A verifying key has a few hundred bytes, a graph at most 1024 layers of 2^24 weights.
        out.extend((vk.len() as u32).to_be_bytes());
        out.extend(vk);
        out.extend((graph.len() as u32).to_be_bytes());
        out.extend(graph.iter());
        out.extend(scalar_bytes(&self.omega));
        self.quotients.iter().for_each(|p| out.extend(point_bytes(p)));
        out
    }

    /// Reads what [`Self::to_bytes`] wrote. Quotient points are checked to be curve points; that they and the weights
    /// belong to the commitment is checked by [`check_key`].
    ///
    /// # Errors
    /// The bytes are not the encoding of a proving key, or the graph has another program than the verifying key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let mut reader = Reader::new(bytes);
        let vk_len = reader.u32()? as usize;
        let vk = reader.slice(vk_len)?;
        let graph_len = reader.u32()? as usize;
        let graph = Graph::from_bytes(reader.slice(graph_len)?)?;
        let Compiled { program, weights, fixed } = graph.compile()?;
        let vk = NetworkVerifyingKey::from_bytes(vk, &program.to_bytes(), &fixed.to_bytes())?;
        let omega = reader.scalar()?;
        let quotients = reader.points(program.parts().blocks as usize - 1)?;
        reader.end()?;
        Ok(Self { vk, graph, weights, fixed, omega, quotients })
    }
}

/// `omega` of N3.
fn omega(program: &Program, weights: &NetworkWeights, secret: &ModelSecret) -> Fr {
    secret.blinding(&keccak(&[b"zkinfer/native-omega/v2"]), &weights.digest(program.parts()))
}

fn blind(c_f: G1Affine, omega: Fr) -> G1Affine {
    (G1Projective::from(c_f) + G1Affine::generator() * omega).into_affine()
}

fn check_size(program: &Program, srs: &Srs) -> Result<(), KeyError> {
    let (needed, got) = (degree_bound(program.parts()), srs.powers().len());
    if got < needed { Err(KeyError::SrsTooSmall { needed, got }) } else { Ok(()) }
}

/// Lowers a graph, commits to its weights and caches its quotients. `level` has a default by the
/// number of additions that a setup with one level takes.
///
/// # Errors
/// The graph has no program, the SRS is too small, or the level does not exist.
pub fn generate(
    graph: Graph,
    secret: &ModelSecret,
    level: Option<Level>,
    srs: &Srs,
) -> Result<NetworkProvingKey, KeyError> {
    let Compiled { program, weights, fixed } = graph.compile()?;
    program.check(&fixed).map_err(CircuitError::from)?;
    let blocks = program.parts().blocks as usize;
    let level = level.unwrap_or_else(|| Level::default_for_rows(blocks, weights.one_level_additions()));
    check_level(level, &program)?;
    check_size(&program, srs)?;
    let rows = weights.rows(program.parts());
    let ModelCommitment { c_f, quotient_points } = quotients::commit(&rows, srs.powers(), level);
    let omega = omega(&program, &weights, secret);
    let commitment = blind(c_f, omega);
    let (fixed_digest, commitments) = (fixed.digest(), fixed.commit(program.parts(), srs)?);
    let vk = NetworkVerifyingKey { program, level, srs_id: *srs.id(), commitment, fixed_digest, fixed: commitments };
    Ok(NetworkProvingKey { vk, graph, weights, fixed, omega, quotients: quotient_points })
}

/// Whether weights, `omega` and quotient points of a stored key belong to its commitment, and its fixed commitments to
/// its tables and copies. A prover with a wrong key only makes proofs that nobody accepts; this tells why.
///
/// # Errors
/// [`KeyError::QuotientMismatch`] or [`KeyError::FixedMismatch`] if they do not; the SRS is another one or too small.
pub fn check_key(key: &NetworkProvingKey, srs: &Srs) -> Result<(), KeyError> {
    let vk = &key.vk;
    vk.check(&key.fixed, srs)?;
    let p = vk.program.parts();
    check_size(&vk.program, srs)?;
    let alpha = key_check::challenge(&vk.digest(), &key.quotients);
    let g = key.weights.fold(p, key.omega, alpha);
    let blocks = p.blocks as usize;
    let stored = key_check::Stored {
        commitment: vk.commitment,
        points: vk.level.split_points(blocks, &key.quotients),
        weights: vk.level.quotient_weights(blocks, alpha),
        roots: vk.level.roots(alpha),
        exponents: vk.exponents(),
    };
    key_check::check(&stored, &g, srs)
}

/// Whether a graph with its weights, and `secret`, open the commitment of `vk`: its program is that
/// of the graph, and its weights are integers of at most 16 bits.
///
/// # Errors
/// [`KeyError::CommitmentMismatch`] if they do not; the SRS is another one or too small.
pub fn check_opening(vk: &NetworkVerifyingKey, graph: &Graph, secret: &ModelSecret, srs: &Srs) -> Result<(), KeyError> {
    if vk.srs_id != *srs.id() {
        return Err(KeyError::SrsMismatch);
    }
    let compiled = graph.compile()?;
    check_size(&compiled.program, srs)?;
    let c_f = quotients::commit_model(&compiled.weights.rows(compiled.program.parts()), srs.powers());
    let opened = blind(c_f, omega(&compiled.program, &compiled.weights, secret));
    if compiled.program != vk.program || opened != vk.commitment {
        return Err(KeyError::CommitmentMismatch);
    }
    vk.check(&compiled.fixed, srs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::network::graph::samples::{graphs, mixed};
    use crate::testing::srs;

    fn key(graph: Graph, level: Option<Level>) -> NetworkProvingKey {
        generate(graph, &ModelSecret::from_bytes([42; 32]), level, srs()).unwrap()
    }

    #[test]
    fn proving_keys_have_one_encoding_and_pass_their_check() {
        for (graph, level) in graphs().into_iter().zip([None, Some(Level::Two { rho2: 1 }), None, None, None]) {
            let key = key(graph, level);
            let bytes = key.to_bytes();
            let read = NetworkProvingKey::from_bytes(&bytes).unwrap();
            assert_eq!(read.to_bytes(), bytes);
            assert_eq!(read.vk, key.vk);
            check_key(&read, srs()).unwrap();
            assert!(NetworkProvingKey::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
            assert!(NetworkProvingKey::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        }
    }

    #[test]
    fn what_does_not_belong_to_a_key_is_told() {
        let good = key(mixed(4), None);
        let changed = |change: &dyn Fn(&mut NetworkProvingKey)| {
            let mut key = good.clone();
            change(&mut key);
            check_key(&key, srs())
        };
        changed(&|_| {}).unwrap();
        let quotient = |result| matches!(result, Err(KeyError::QuotientMismatch));
        assert!(quotient(changed(&|key| key.omega += Fr::from(1u64))));
        assert!(quotient(changed(&|key| key.quotients.swap(0, 1))));
        assert!(quotient(changed(&|key| key.weights.units[0].weights[0] ^= 1)));
        assert!(quotient(changed(&|key| key.vk.commitment = G1Affine::identity())));
        let fixed = |result| matches!(result, Err(KeyError::FixedMismatch));
        assert!(fixed(changed(&|key| key.vk.fixed.swap(0, 1))));
        assert!(fixed(changed(&|key| key.fixed = mixed(8).compile().unwrap().fixed)));
    }

    /// N11 (a): commitments of another table, or of other addresses, are another function.
    #[test]
    fn fixed_commitments_are_those_of_the_fixed_bytes() {
        let key = key(mixed(4), None);
        key.vk.check(&key.fixed, srs()).unwrap();
        let (program, fixed) = (key.vk.program.to_bytes(), key.fixed.to_bytes());
        let bytes = key.vk.to_bytes();
        NetworkVerifyingKey::from_bytes(&bytes, &program, &fixed).unwrap();
        // Another table under the old digest, and under its own.
        let other = mixed(8).compile().unwrap().fixed.to_bytes();
        let error = NetworkVerifyingKey::from_bytes(&bytes, &program, &other).unwrap_err();
        assert!(matches!(error, KeyError::FixedMismatch));
        let mut lying = key.vk.clone();
        let mut tables = key.fixed.tables().to_vec();
        tables[0][200] -= 1;
        let false_fixed = Fixed::new(tables, key.fixed.copies().to_vec()).unwrap();
        lying.fixed_digest = false_fixed.digest();
        let error = lying.check(&false_fixed, srs()).unwrap_err();
        assert!(matches!(error, KeyError::FixedMismatch), "its commitments are those of the true table");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Whatever is read has exactly the bytes that it was read from, and nothing panics on it.
        #[test]
        fn changed_keys_are_refused_or_canonical(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            static KEY: std::sync::OnceLock<Zeroizing<Vec<u8>>> = std::sync::OnceLock::new();
            let mut bytes = KEY.get_or_init(|| key(mixed(4), None).to_bytes()).to_vec();
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if let Ok(key) = NetworkProvingKey::from_bytes(&bytes) {
                prop_assert_eq!(&key.to_bytes()[..], &bytes[..]);
                let _ = check_key(&key, srs());
            }
        }

        #[test]
        fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(NetworkProvingKey::from_bytes(&bytes).is_err());
        }
    }
}
