//! Nodes behind https, with the certificates that the environment names.

use crate::{
    program::{command, run},
    tls::{Certificate, TlsProxy},
};
use zkinfer::{chain::Devnet, evm::Toolchain};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_behind_https_is_asked_when_its_certificate_is_trusted() {
    let devnet = Devnet::start(&Toolchain::from_env().anvil().unwrap()).await.unwrap();
    let port = devnet.endpoint().rsplit(':').next().unwrap().parse().unwrap();
    let proxy = TlsProxy::start(port, Certificate::Good);
    let dir = tempfile::tempdir().unwrap();
    let (root, none) = (dir.path().join("root.pem"), dir.path().join("none.pem"));
    std::fs::write(&root, proxy.root()).unwrap();
    std::fs::write(&none, "").unwrap();
    let doctor = |trusted: &std::path::Path, url: &str| {
        let mut doctor = command(&["doctor", "--rpc", url, "--json"]);
        doctor.env("ZKINFER_CACHE_DIR", dir.path()).env("SSL_CERT_FILE", trusted).env_remove("SSL_CERT_DIR");
        run(&mut doctor)
    };
    let url = format!("{}/key-7f3a?token=key-7f3a", proxy.url());
    assert!(doctor(&root, &proxy.url()).expect(0).stdout.contains("31337"));
    for (trusted, says) in [(&none, "ca-certificates"), (&another_root(port, &dir), "UnknownIssuer")] {
        let refused = doctor(trusted, &url).expect(3);
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!(said.contains(says) && !said.contains("key-7f3a"), "{said}");
    }
    // A machine without certificates still speaks to a node of its own.
    doctor(&none, &devnet.endpoint()).expect(0);
}

fn another_root(port: u16, dir: &tempfile::TempDir) -> std::path::PathBuf {
    let path = dir.path().join("another.pem");
    std::fs::write(&path, TlsProxy::start(port, Certificate::Good).root()).unwrap();
    path
}
