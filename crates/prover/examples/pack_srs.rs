//! Packs powers of a `.ptau` file into the form in which a ceremony ships (`assets/`):
//! `pack_srs FILE POWERS EXPONENTS OUT`, with `[tau^(2^j)]_2` for j below EXPONENTS.
//!
//! `pack_srs FILE 131072 15 hez-final.srs` makes `assets/hez-final.srs` again, byte by byte, from a file
//! of power 17 or more of that ceremony.

use std::{fs::File, io::BufWriter};

use zkinfer_prover::srs::Srs;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, powers, exponents, out] = arguments.as_slice() else {
        return Err("usage: pack_srs FILE POWERS EXPONENTS OUT".into());
    };
    let powers: usize = powers.parse()?;
    let srs = Srs::open(file, powers)?;
    srs.write_compressed(powers, exponents.parse()?, BufWriter::new(File::create_new(out)?))?;
    println!("{srs}");
    Ok(())
}
