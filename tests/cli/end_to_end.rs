//! The whole way, on a development node that outlives the demo, so that it can be audited from outside.

use crate::program::{command, model, run, zkinfer};
use zkinfer::{chain::Devnet, evm::Toolchain};

#[tokio::test]
async fn a_demo_on_a_running_node_can_be_audited_by_anybody() {
    let devnet = Devnet::start(&Toolchain::from_env().anvil().unwrap()).await.unwrap();
    let rpc = devnet.endpoint();
    let demo = zkinfer(&["demo", "--backend", "ezkl", "--rpc", &rpc, "--json"]).expect(0).json();
    for name in ["verified_off_chain", "verified_in_embedded_evm", "verified_on_chain"] {
        assert_eq!(demo[name], true, "{name}");
    }
    assert_eq!(demo["audit_verdict"], "VALID");
    assert_eq!(demo["digit"]["agree"], true);
    assert_eq!(demo["digit"]["proven"], 7);
    let transaction = demo["tx_hash"].as_str().unwrap();

    let audit = zkinfer(&["audit", transaction, "--rpc", &rpc, "--json"]).expect(0).json();
    assert_eq!(audit["verdict"], "VALID");
    assert_eq!(audit["facts"]["statement_id"], demo["statement_id"]);
    assert_eq!(audit["facts"]["model_id"], demo["model_id"]);
    // With the model's file, an auditor who trusts nobody's artifacts builds them anew.
    zkinfer(&["audit", transaction, "--rpc", &rpc, "--model", &model("digits.onnx")]).expect(0);

    an_audit_with_a_model_is_about_that_model(transaction, &rpc);

    // Without EZKL, the contracts still answer, and the report says what was not checked.
    let cache = tempfile::tempdir().unwrap();
    let mut bare = command(&["audit", transaction, "--rpc", &rpc, "--json"]);
    let bare = run(bare.env("ZKINFER_CACHE_DIR", cache.path())).expect(0).json();
    assert!(bare["warnings"].as_array().unwrap().len() > audit["warnings"].as_array().unwrap().len());

    let unknown = format!("0x{}", "11".repeat(32));
    zkinfer(&["audit", &unknown, "--rpc", &rpc]).expect(3);
    // A second demo on the same node finds contracts and model there, and makes another claim.
    zkinfer(&["demo", "--backend", "ezkl", "--rpc", &rpc, "--digit", "3"]).expect(0);
}

/// Another model's file is not quietly passed over.
fn an_audit_with_a_model_is_about_that_model(transaction: &str, rpc: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.onnx");
    let mut onnx = std::fs::read(model("digits.onnx")).unwrap();
    // The file is weights for the most part: this changes one of them a little.
    let middle = onnx.len() / 2;
    onnx[middle] ^= 1;
    std::fs::write(&path, onnx).unwrap();
    let run = zkinfer(&["audit", transaction, "--rpc", rpc, "--model", path.to_str().unwrap()]);
    run.expect(2).says("the claim is about model");
}

/// The default: nothing on `PATH`, so no Python, and a cache without EZKL. It starts and stops its own node.
#[test]
fn the_demo_needs_neither_python_nor_ezkl() {
    let (cache, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let demo = || {
        let mut demo = command(&["demo"]);
        run(demo.env("ZKINFER_CACHE_DIR", cache.path()).env("PATH", empty.path())).expect(0).stdout
    };
    let text = demo();
    for part in
        ["verify off-chain", "VALID", "prove for this registry", "they agree", "transaction", "Perpetual Powers"]
    {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
    assert!(!text.contains("NOT SECURE") && !text.contains("TEST"), "{text}");
    assert!(!text.contains("from the cache") && demo().contains("from the cache"));
}
