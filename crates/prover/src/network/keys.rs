//! N3: keys of a general network.

use core::fmt;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use zeroize::Zeroize;

use super::graph::Graph;
use super::layout::{degree_bound, nu};
use super::program::Program;
use super::weights::NetworkWeights;
use crate::encoding::{Reader, keccak, point_bytes};
use crate::error::{EncodingError, KeyError};
use crate::keys::{Level, ModelSecret};
use crate::setup::quotients::{self, ModelCommitment};
use crate::srs::Srs;

/// Version of the verifying-key encoding.
const VERSION: u16 = 2;

/// The public key of a network. It holds no SRS point. Programs with tables or copies, whose keys
/// have fixed commitments, are not implemented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkVerifyingKey {
    program: Program,
    level: Level,
    srs_id: [u8; 32],
    commitment: G1Affine,
}

/// `keccak(fixed bytes)` of a program without tables and copies: the count 0.
fn no_fixed_columns() -> [u8; 32] {
    keccak(&[&0u32.to_be_bytes()])
}

impl NetworkVerifyingKey {
    /// Fails unless the program is a function that is implemented, and the level exists for it.
    fn new(program: Program, level: Level, srs_id: [u8; 32], commitment: G1Affine) -> Result<Self, KeyError> {
        program.check().map_err(crate::error::CircuitError::from)?;
        if !level.is_valid_for(program.parts().blocks as usize) {
            return Err(KeyError::Level(level.byte()));
        }
        Ok(Self { program, level, srs_id, commitment })
    }

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

    /// The canonical bytes of N3, without the program: they hold its digest.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = VERSION.to_be_bytes().to_vec();
        out.extend([0, self.level.byte()]);
        out.extend(self.srs_id);
        out.extend(point_bytes(&self.commitment));
        out.extend(self.program.digest());
        out.extend(no_fixed_columns());
        out
    }

    /// Reads the canonical bytes of a key and of its program.
    ///
    /// # Errors
    /// The bytes are not canonical, the program is another one, or [`Program::check`] refuses it.
    pub fn from_bytes(bytes: &[u8], program: &[u8]) -> Result<Self, KeyError> {
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
        let (digest, fixed): ([u8; 32], [u8; 32]) = (reader.bytes()?, reader.bytes()?);
        reader.end()?;
        if keccak(&[program]) != digest || fixed != no_fixed_columns() {
            return Err(KeyError::ProgramMismatch);
        }
        let program = Program::from_bytes(program).map_err(crate::error::CircuitError::from)?;
        Self::new(program, level, srs_id, commitment)
    }

    /// `vkd = keccak(TAG_VK || vk bytes)`.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        keccak(&[&keccak(&[b"zkinfer/native-vk/v2"]), &self.to_bytes()])
    }

    /// The exponents of the quotient moduli.
    pub(crate) fn exponents(&self) -> Vec<usize> {
        self.level.exponents(nu(self.program.parts()))
    }
}

/// Everything the prover of a network needs besides the SRS. Secret: no `Debug` of the values.
#[derive(Clone)]
pub struct NetworkProvingKey {
    pub(crate) vk: NetworkVerifyingKey,
    pub(crate) graph: Graph,
    pub(crate) weights: NetworkWeights,
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
    let compiled = graph.compile()?;
    let (program, weights) = (compiled.program, compiled.weights);
    let blocks = program.parts().blocks as usize;
    let level = level.unwrap_or_else(|| Level::default_for_rows(blocks, weights.one_level_additions()));
    let mut vk = NetworkVerifyingKey::new(program, level, *srs.id(), G1Affine::identity())?;
    check_size(&vk.program, srs)?;
    let rows = weights.rows(vk.program.parts());
    let ModelCommitment { c_f, quotient_points } = quotients::commit(&rows, srs.powers(), level);
    let omega = omega(&vk.program, &weights, secret);
    vk.commitment = blind(c_f, omega);
    Ok(NetworkProvingKey { vk, graph, weights, omega, quotients: quotient_points })
}

/// Whether a graph with its weights, and `secret`, open the commitment of `vk`: its program is that
/// of the graph, and its weights are 8-bit integers.
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
    let same = compiled.program == vk.program && opened == vk.commitment;
    if same { Ok(()) } else { Err(KeyError::CommitmentMismatch) }
}
