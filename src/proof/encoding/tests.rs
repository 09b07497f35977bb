//! Every form round-trips; nothing else is read.

use super::*;
use crate::proof::{
    Aggregated, Recursive,
    bundle::tests::{numbered, numbered_batch, with_weights},
    structure::{Branch, MAX_BUNDLES, tests::bundles},
};
use proptest::prelude::*;

const LEVELS: [Compression; 4] = [Compression::None, Compression::Fast, Compression::Balanced, Compression::Maximum];
const ENCODINGS: [Encoding; 2] = [Encoding::Standard, Encoding::Compact];

fn list(count: usize) -> Structure {
    Structure::Aggregated(Aggregated::new(bundles(count)).unwrap())
}

fn plain(structure: &Structure) -> Vec<u8> {
    structure.encode(Encoding::Compact, Compression::None)
}

fn any_structure() -> impl Strategy<Value = Structure> {
    let bundle = (0i64..50, 1usize..4, any::<bool>()).prop_map(|(number, statements, other)| {
        let bundle = numbered_batch(number, statements);
        if other { with_weights(&bundle, "another row of the table") } else { bundle }
    });
    (prop::collection::vec(bundle, 1..12), 0usize..7).prop_map(|(mut bundles, form)| match form {
        0 => bundles.remove(0).into(),
        1 => Structure::Aggregated(Aggregated::new(bundles).unwrap()),
        2 => Structure::Aggregated(Aggregated::chain(bundles).unwrap()),
        depth => Structure::Recursive(Recursive::balanced(bundles, depth - 2).unwrap()),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_form_round_trips_exactly_and_higher_levels_are_never_larger(structure in any_structure()) {
        for encoding in ENCODINGS {
            let mut sizes = Vec::new();
            for level in LEVELS {
                let bytes = structure.encode(encoding, level);
                prop_assert_eq!(&Structure::decode(&bytes).unwrap(), &structure);
                prop_assert_eq!(&structure.encode(encoding, level), &bytes);
                sizes.push(bytes.len());
            }
            prop_assert!(sizes.is_sorted_by(|low, high| low >= high), "{:?}", sizes);
        }
    }

    /// Whatever is read is canonical: it is written as it was read, or refused. Nothing panics.
    #[test]
    fn changed_bytes_are_refused_or_mean_something_else(
        structure in any_structure(), at in any::<prop::sample::Index>(), flip in 1u8..,
    ) {
        let mut bytes = plain(&structure);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(other) = Structure::decode(&bytes) {
            prop_assert_ne!(&other, &structure);
            prop_assert_eq!(plain(&other), bytes);
        }
    }

    #[test]
    fn every_prefix_is_refused(structure in any_structure(), at in any::<prop::sample::Index>()) {
        for (encoding, level) in [(Encoding::Compact, Compression::None), (Encoding::Standard, Compression::Fast)] {
            let bytes = structure.encode(encoding, level);
            prop_assert!(Structure::decode(&bytes[..at.index(bytes.len())]).is_err());
        }
    }
}

#[test]
fn compact_is_the_smallest_and_a_list_is_smaller_than_its_parts() {
    let size = |structure: &Structure, encoding| structure.encode(encoding, Compression::None).len();
    let single: Structure = numbered(1).into();
    assert!(size(&single, Encoding::Compact) < size(&single, Encoding::Standard));
    for encoding in ENCODINGS {
        let parts: usize = bundles(8).into_iter().map(|bundle| size(&bundle.into(), encoding)).sum();
        assert!(size(&list(8), encoding) < parts, "models are written once");
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    let structure = list(2);
    let longer = [&plain(&structure)[..], &[0]].concat();
    assert!(matches!(Structure::decode(&longer), Err(EncodingError::Trailing(1))));
    let json = structure.encode(Encoding::Standard, Compression::None);
    assert!(matches!(Structure::decode(&[&json[..], b"{}"].concat()), Err(EncodingError::Json(_))));
    let frame = structure.encode(Encoding::Standard, Compression::Fast);
    assert!(frame.starts_with(COMPRESSED));
    let empty_frame = zstd::bulk::compress(&[], 1).unwrap();
    for more in [&[0][..], &empty_frame] {
        let longer = [&frame[..], more].concat();
        assert!(matches!(Structure::decode(&longer), Err(EncodingError::Decompression(_))));
    }
}

#[test]
fn tables_have_one_order_no_repeats_and_nothing_unused() {
    let [one, other] = [numbered(0), with_weights(&numbered(1), "other")];
    let structure = Structure::Aggregated(Aggregated::new(vec![one, other]).unwrap());
    let with = |change: &dyn Fn(&mut Flat)| {
        let mut flat = Flat::of(&structure);
        change(&mut flat);
        Structure::decode(&compact::write(&flat))
    };
    assert!(with(&|_| ()).is_ok());
    let reordered = with(&|flat| {
        flat.models.swap(0, 1);
        flat.bundles.iter_mut().for_each(|row| row.model ^= 1);
    });
    let unused = with(&|flat| flat.models.push(ModelRowExt::renamed(&flat.models[0])));
    let repeated = with(&|flat| {
        flat.models[1] = flat.models[0].clone();
    });
    let missing = with(&|flat| flat.bundles[1].model = 9);
    for refused in [reordered, unused, repeated, missing] {
        assert!(matches!(refused, Err(EncodingError::NotCanonical(_))), "{refused:?}");
    }
    let long = with(&|flat| flat.models[0].weights = "w".repeat(1025));
    assert!(matches!(long, Err(EncodingError::TooLong { what: "weights", .. })));
    let long = with(&|flat| flat.models[0].backend_version = "v".repeat(129));
    assert!(matches!(long, Err(EncodingError::TooLong { what: "backendVersion", .. })));
}

trait ModelRowExt {
    fn renamed(&self) -> Self;
}

impl ModelRowExt for flat::ModelRow {
    fn renamed(&self) -> Self {
        Self { weights: "unused".into(), ..self.clone() }
    }
}

/// The bounds hold while reading, not after it: each of these would overflow the stack or the memory.
#[test]
fn deep_trees_long_lists_and_bombs_are_refused() {
    let nested = |levels| {
        let mut flat = Flat::of(&numbered(0).into());
        flat.form =
            flat::Form::Tree((1..levels).fold(vec![flat::Shape::Leaf(0)], |inner, _| vec![flat::Shape::Inner(inner)]));
        flat
    };
    let deepest = nested(crate::proof::structure::MAX_DEPTH);
    assert!(Structure::decode(&compact::write(&deepest)).is_ok());
    assert!(Structure::decode(&deepest.to_json()).is_ok());
    let deep = nested(100);
    for bytes in [compact::write(&deep), deep.to_json()] {
        assert!(matches!(Structure::decode(&bytes), Err(EncodingError::Structure(StructureError::TooDeep))));
    }
    // Deeper than JSON may nest at all.
    let brackets = String::from_utf8(deep.to_json()).unwrap().replacen('[', &"[".repeat(100_000), 1);
    assert!(matches!(Structure::decode(brackets.as_bytes()), Err(EncodingError::Json(_))));

    let mut announced = plain(&list(1));
    announced[6..10].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(matches!(Structure::decode(&announced), Err(EncodingError::Malformed { .. })));

    let bomb = |declared: u64, content: &[u8]| {
        let frame = zstd::bulk::compress(content, 19).unwrap();
        Structure::decode(&[&COMPRESSED[..], &declared.to_be_bytes(), &frame].concat())
    };
    let zeros = vec![0; 2 * MAX_BUNDLE_BYTES];
    assert!(matches!(bomb(zeros.len() as u64, &zeros), Err(EncodingError::TooLarge(_))));
    assert!(matches!(bomb(u64::MAX, &zeros), Err(EncodingError::TooLarge(u64::MAX))));
    assert!(matches!(bomb(1000, &zeros), Err(EncodingError::Decompression(_))), "more than it declares");
    let bundle = plain(&list(1));
    assert!(bomb(bundle.len() as u64, &bundle).is_ok());
    assert!(matches!(bomb(bundle.len() as u64 + 1, &bundle), Err(EncodingError::Decompression(_))), "less");
    let twice = [&COMPRESSED[..], &(bundle.len() as u64).to_be_bytes(), &zstd::bulk::compress(&bundle, 1).unwrap()];
    let twice = twice.concat();
    assert!(matches!(bomb(twice.len() as u64, &twice), Err(EncodingError::Unknown)), "compressed twice");
    assert!(matches!(Structure::decode(&vec![b'{'; MAX_BUNDLE_BYTES + 1]), Err(EncodingError::TooLarge(_))));
}

#[test]
fn other_formats_roots_and_trees_are_refused() {
    let structure = Structure::Recursive(
        Recursive::new(vec![
            Branch::Leaf(Box::new(numbered(0))),
            Branch::Inner(vec![Branch::Leaf(Box::new(numbered(1)))]),
        ])
        .unwrap(),
    );
    let json = structure.encode(Encoding::Standard, Compression::None);
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        change(&mut value);
        Structure::decode(&serde_json::to_vec(&value).unwrap())
    };
    assert_eq!(with(&|_| ()).unwrap(), structure);
    let other_root = with(&|value| value["root"] = format!("0x{}", "ee".repeat(32)).into());
    assert!(matches!(other_root, Err(EncodingError::Bundle(BundleError::Contradiction { field: "root", .. }))));
    assert!(matches!(with(&|value| value["version"] = 2.into()), Err(EncodingError::UnknownFormat { .. })));
    assert!(matches!(with(&|value| value["extra"] = 2.into()), Err(EncodingError::Json(_))));
    assert!(matches!(with(&|value| value["linked"] = true.into()), Err(EncodingError::NotCanonical(_))));
    for tree in [serde_json::json!([0]), serde_json::json!([1, [0]]), serde_json::json!([0, [1, 2]])] {
        let refused = with(&|value| value["tree"] = tree.clone());
        assert!(matches!(refused, Err(EncodingError::NotCanonical(_))), "{tree}");
    }
    let empty = with(&|value| value["tree"] = serde_json::json!([0, [], 1]));
    assert!(matches!(empty, Err(EncodingError::Structure(StructureError::EmptyBranch))));
    for unknown in [&b""[..], b"zkiq", b"[]", b"PK\x03\x04"] {
        assert!(matches!(Structure::decode(unknown), Err(EncodingError::Unknown)));
    }
}

/// Where the reader meets them, before the comparison with the canonical form could: it never gets so far with a long list.
#[test]
fn fields_that_hold_what_they_cannot_are_named() {
    let bytes = plain(&list(1));
    let problem = |at: usize, to: &[u8]| {
        let mut changed = bytes.clone();
        changed[at..at + to.len()].copy_from_slice(to);
        match Structure::decode(&changed) {
            Err(EncodingError::Malformed { problem, .. }) => problem,
            other => panic!("{other:?}"),
        }
    };
    assert!(problem(4, &[9]).contains("version"));
    assert!(problem(5, &[9]).contains("form"));
    assert!(problem(6, &(MAX_BUNDLES as u32 + 1).to_be_bytes()).contains("longer"));
    assert!(problem(10, &[9]).contains("backend"));
    // Behind the backend, its version (a text of one character) and three hashes: whether there is code.
    let flag = 10 + 1 + 5 + 3 * 32;
    assert_eq!(bytes[flag], 1);
    assert!(problem(flag, &[2]).contains("flag"));
}
