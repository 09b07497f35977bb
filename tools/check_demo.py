"""Reads the object that `zkinfer demo --json` prints and fails unless it shows a proof, by the backend that is named, that
every verifier accepted."""

import json
import sys

text = sys.stdin.read()
report = json.loads(text[text.index("{") :])
expected = {
    "backend": sys.argv[1],
    "verified_off_chain": True,
    "verified_in_embedded_evm": True,
    "verified_on_chain": True,
    "audit_verdict": "VALID",
}
positive = ("params", "prove_ms", "verify_ms", "evm_verify_ms", "proof_bytes", "peak_rss_mb", "gas_used")
wrong = [f"{name} is {report.get(name)!r}" for name, value in expected.items() if report.get(name) != value]
wrong += [f"{name} is {report.get(name)!r}" for name in positive if not (report.get(name) or 0) > 0]
if not str(report.get("tx_hash", "")).startswith("0x") or len(report["tx_hash"]) != 66:
    wrong.append(f"tx_hash is {report.get('tx_hash')!r}")
if report.get("digit", {}).get("agree") is not True:
    wrong.append(f"digit is {report.get('digit')!r}")
summary = str(report.get("audit_summary"))
# Native proofs are under the ceremony that ships; EZKL's are under the TEST SRS, and have to say so.
if ("NOT SECURE" in summary) != (report.get("backend") == "ezkl"):
    wrong.append(f"audit_summary is {summary!r}")
for name in ("model", *expected, *positive):
    print(f"{name:26} {report.get(name)}")
if wrong:
    sys.exit("the demo's report is wrong: " + "; ".join(wrong))
