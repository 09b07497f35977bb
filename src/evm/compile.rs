//! Compiling one generated Solidity verifier.
//!
//! The profile is that of `foundry.toml`, and nothing of it is configurable: the code hash is part of the model id, so
//! that another optimizer setting would be another model. The source's file name and the machine's paths do not reach
//! the code, because metadata is switched off.

use super::{EvmError, KeyObject, Tool, Toolchain, factory, toolchain::SOLC_VERSION};
use alloy::primitives::{Address, B256, Bytes, keccak256};
use foundry_compilers::{
    artifacts::{
        BytecodeHash, BytecodeObject, CompilerOutput, Contract, EvmVersion, Optimizer, Settings, SettingsMetadata,
        SolcInput, SolcLanguage, Source, Sources, output_selection::OutputSelection,
    },
    solc::Solc,
};
use std::path::PathBuf;

/// EIP-170: the largest runtime code that Ethereum deploys.
pub const MAX_RUNTIME_BYTES: usize = 24_576;
/// The largest source that is compiled. The generated verifiers of the largest circuits that fit EIP-170 are far below.
pub const MAX_SOURCE_BYTES: usize = 4 * 1024 * 1024;
/// The EVM version of the profile: the oldest in use on all chains that matter, so that code runs on each of them.
pub const EVM_VERSION: EvmVersion = EvmVersion::Cancun;
/// `optimizer_runs` of the profile.
pub const OPTIMIZER_RUNS: usize = 200;

/// The most of solc's diagnostics that an error carries.
const MAX_DIAGNOSTICS: usize = 4096;

/// A contract that Ethereum would deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledContract {
    /// Its name in the source.
    pub name: String,
    /// Its ABI as JSON.
    pub abi_json: String,
    /// What a creation transaction carries (it takes no constructor arguments).
    pub creation_code: Bytes,
    /// What is stored on-chain.
    pub runtime_code: Bytes,
    /// `EXTCODEHASH` once deployed.
    pub code_hash: B256,
    /// Of a key object that names some: contracts that have to be where the factory puts them ([`CompiledContract::place`]).
    pub pages: Vec<CompiledContract>,
}

impl CompiledContract {
    /// A contract that is data: its creation code copies `runtime_code` and nothing else.
    ///
    /// # Errors
    /// [`EvmError::ContractTooLarge`] when Ethereum would not deploy it.
    pub fn data(name: &str, runtime_code: Bytes) -> Result<Self, EvmError> {
        let size = runtime_code.len();
        let length = u16::try_from(size).ok().filter(|_| size <= MAX_RUNTIME_BYTES);
        let Some(length) = length else {
            return Err(EvmError::ContractTooLarge { contract: name.into(), size, limit: MAX_RUNTIME_BYTES });
        };
        // PUSH2 length, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN: ten bytes, then the data.
        let [high, low] = length.to_be_bytes();
        let prefix = [0x61, high, low, 0x80, 0x60, 0x0a, 0x5f, 0x39, 0x5f, 0xf3];
        let creation_code = Bytes::from([&prefix[..], &runtime_code].concat());
        let code_hash = keccak256(&runtime_code);
        let (name, abi_json) = (name.into(), "[]".into());
        Ok(Self { name, abi_json, creation_code, runtime_code, code_hash, pages: Vec::new() })
    }

    /// The same with its pages, which have to be those that its code names, in that order.
    ///
    /// # Errors
    /// [`EvmError::NotSelfContained`] when they are others.
    pub fn with_pages(self, pages: Vec<Self>) -> Result<Self, EvmError> {
        let named = KeyObject::read(&self.runtime_code).map(|object| object.pages).unwrap_or_default();
        if named != pages.iter().map(Self::place).collect::<Vec<_>>() {
            return Err(EvmError::NotSelfContained {
                contract: self.name,
                reason: "its pages are others than its code names",
            });
        }
        Ok(Self { pages, ..self })
    }

    /// Where the factory puts it.
    #[must_use]
    pub fn place(&self) -> Address {
        factory::place_of(&self.creation_code)
    }
}

/// solc with the fixed profile.
#[derive(Clone, Debug)]
pub struct Compiler {
    solc: Solc,
}

impl Compiler {
    /// Uses the given solc, as found by [`Toolchain::solc`].
    #[must_use]
    pub fn new(solc: &Tool) -> Self {
        Self { solc: Solc::new_with_version(&solc.path, SOLC_VERSION) }
    }

    /// Finds solc and uses it.
    ///
    /// # Errors
    /// Those of [`Toolchain::solc`].
    pub fn discover() -> Result<Self, EvmError> {
        Ok(Self::new(&Toolchain::from_env().solc()?))
    }

    /// Compiles a self-contained source that holds exactly one deployable contract. Blocks for a second or more.
    ///
    /// # Errors
    /// [`EvmError`], with solc's own diagnostics when it is the source that is wrong.
    pub fn compile(&self, source: &str) -> Result<CompiledContract, EvmError> {
        self.compile_one(source, None)
    }

    /// Compiles a self-contained source and picks one contract by name.
    ///
    /// # Errors
    /// As [`Compiler::compile`].
    pub fn compile_named(&self, source: &str, contract: &str) -> Result<CompiledContract, EvmError> {
        self.compile_one(source, Some(contract))
    }

    fn compile_one(&self, source: &str, wanted: Option<&str>) -> Result<CompiledContract, EvmError> {
        if source.len() > MAX_SOURCE_BYTES {
            return Err(EvmError::SourceTooLarge { size: source.len(), limit: MAX_SOURCE_BYTES });
        }
        let output = self.run(source)?;
        let errors: Vec<String> = output
            .errors
            .iter()
            .filter(|error| error.is_error())
            .map(|error| error.formatted_message.clone().unwrap_or_else(|| error.message.clone()))
            .collect();
        if !errors.is_empty() {
            let mut diagnostics = errors.join("\n").trim_end().to_owned();
            truncate(&mut diagnostics, MAX_DIAGNOSTICS);
            return Err(EvmError::Compile { diagnostics });
        }
        if output.sources.len() > 1 {
            return Err(EvmError::ImportsRefused);
        }
        pick(output, wanted)
    }

    fn run(&self, source: &str) -> Result<CompilerOutput, EvmError> {
        let broken =
            |reason: String| EvmError::ToolBroken { tool: super::ToolKind::Solc, path: self.solc.solc.clone(), reason };
        // An empty base directory: no import resolves to a file of this machine.
        let empty = tempfile::tempdir().map_err(|error| broken(format!("no temporary directory: {error}")))?;
        let mut solc = self.solc.clone();
        solc.base_path = Some(empty.path().to_owned());
        let sources = Sources::from([(PathBuf::from("Generated.sol"), Source::new(source))]);
        let input = SolcInput::new(SolcLanguage::Solidity, sources, profile());
        solc.compile(&input).map_err(|error| broken(error.to_string()))
    }
}

fn profile() -> Settings {
    let outputs =
        ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.deployedBytecode.immutableReferences"];
    Settings {
        optimizer: Optimizer { enabled: Some(true), runs: Some(OPTIMIZER_RUNS), details: None },
        metadata: Some(SettingsMetadata::new(BytecodeHash::None, false)),
        evm_version: Some(EVM_VERSION),
        via_ir: Some(false),
        output_selection: OutputSelection::common_output_selection(outputs.map(str::to_owned)),
        ..Settings::default()
    }
}

fn pick(output: CompilerOutput, wanted: Option<&str>) -> Result<CompiledContract, EvmError> {
    let mut deployable: Vec<(String, Contract)> =
        output.contracts_into_iter().filter(|(_, contract)| has_code(contract)).collect();
    let found = deployable.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(wanted) = wanted {
        deployable.retain(|(name, _)| name == wanted);
    }
    match deployable.pop() {
        Some((name, contract)) if deployable.is_empty() => finish(name, contract),
        _ => Err(EvmError::ContractNotFound {
            wanted: wanted.map(|name| format!(" named {name}")).unwrap_or_default(),
            found: if found.is_empty() { "none".into() } else { found },
        }),
    }
}

fn has_code(contract: &Contract) -> bool {
    let object = contract.evm.as_ref().and_then(|evm| evm.bytecode.as_ref()).map(|bytecode| &bytecode.object);
    match object {
        Some(BytecodeObject::Bytecode(bytes)) => !bytes.is_empty(),
        Some(BytecodeObject::Unlinked(_)) => true,
        None => false,
    }
}

fn finish(name: String, contract: Contract) -> Result<CompiledContract, EvmError> {
    let refuse = |reason| EvmError::NotSelfContained { contract: name.clone(), reason };
    let (creation, deployed) = contract.evm.map(|evm| (evm.bytecode, evm.deployed_bytecode)).unwrap_or_default();
    if deployed.as_ref().is_some_and(|deployed| !deployed.immutable_references.is_empty()) {
        return Err(refuse("it has immutables, so that its code is not known before it is deployed"));
    }
    let runtime = deployed.and_then(|deployed| deployed.bytecode).and_then(|bytecode| bytecode.object.into_bytes());
    let creation = creation.and_then(|bytecode| bytecode.object.into_bytes());
    let (Some(runtime_code), Some(creation_code)) = (runtime, creation) else {
        return Err(refuse("it needs libraries to be linked"));
    };
    if runtime_code.len() > MAX_RUNTIME_BYTES {
        return Err(EvmError::ContractTooLarge { contract: name, size: runtime_code.len(), limit: MAX_RUNTIME_BYTES });
    }
    let abi_json = serde_json::to_string(&contract.abi.unwrap_or_default()).unwrap_or_else(|_| "[]".to_owned());
    let code_hash = keccak256(&runtime_code);
    Ok(CompiledContract { abi_json, creation_code, code_hash, runtime_code, name, pages: Vec::new() })
}

/// Cuts at a character boundary.
fn truncate(text: &mut String, limit: usize) {
    if text.len() > limit {
        let end = (0..=limit).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
        text.push_str("\n[…]");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evm::artifacts;

    const TINY: &str =
        "pragma solidity ^0.8.0; contract Tiny { function one() external pure returns (uint256) { return 1; } }";

    fn compile(source: &str) -> Result<CompiledContract, EvmError> {
        Compiler::discover().expect("run `make setup` or `npm ci` first").compile(source)
    }

    #[test]
    fn data_is_deployed_as_it_is() {
        let data = Bytes::from((0..=255).cycle().take(1000).collect::<Vec<u8>>());
        let contract = CompiledContract::data("Data", data.clone()).unwrap();
        let mut evm = crate::evm::EmbeddedEvm::new(0);
        let address = alloy::primitives::Address::repeat_byte(7);
        evm.install(address, &contract.creation_code, "creation code").unwrap();
        // Run as a contract, creation code returns what it would deploy.
        let call = evm.call(address, &Bytes::new()).unwrap();
        assert_eq!(call.outcome, crate::evm::Outcome::Returned(data));
        let large = Bytes::from(vec![0; MAX_RUNTIME_BYTES + 1]);
        assert!(matches!(CompiledContract::data("Data", large), Err(EvmError::ContractTooLarge { .. })));
    }

    #[test]
    fn compiles_deterministically_and_hashes_the_runtime_code() {
        let first = compile(TINY).unwrap();
        assert_eq!(first.name, "Tiny");
        assert_eq!(first.code_hash, keccak256(&first.runtime_code));
        assert!(first.creation_code.ends_with(&first.runtime_code), "no metadata, no constructor arguments");
        assert!(first.abi_json.contains("\"one\""));
        assert_eq!(first, compile(TINY).unwrap());
    }

    #[test]
    fn the_profile_is_forges() {
        // The adapter imports, so its sources are flattened by hand here: forge's build of it is the committed artifact.
        let read =
            |path: &str| std::fs::read_to_string(format!("{}/contracts/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let strip = |text: String| {
            text.lines()
                .filter(|l| !["import ", "pragma ", "// SPDX"].iter().any(|p| l.starts_with(p)))
                .collect::<Vec<_>>()
                .join("\n")
        };
        let flat = format!(
            "pragma solidity 0.8.30;\n{}\n{}",
            strip(read("interfaces/IVerifierAdapter.sol")),
            strip(read("verifiers/EzklAdapter.sol"))
        );
        assert_eq!(compile(&flat).unwrap().code_hash, artifacts::ezkl_adapter_id());
    }

    #[test]
    fn compile_errors_carry_what_solc_says() {
        let error =
            compile("pragma solidity ^0.8.0; contract A { function f() external { undeclared = 1; } }").unwrap_err();
        let EvmError::Compile { diagnostics } = &error else { panic!("{error}") };
        assert!(
            diagnostics.contains("Undeclared identifier") && diagnostics.contains("Generated.sol:1:"),
            "{diagnostics}"
        );
    }

    #[test]
    fn refuses_what_is_no_generated_verifier() {
        assert!(matches!(compile(&" ".repeat(MAX_SOURCE_BYTES + 1)).unwrap_err(), EvmError::SourceTooLarge { .. }));
        assert!(matches!(compile("pragma solidity ^0.8.0;").unwrap_err(), EvmError::ContractNotFound { .. }));
        let two = format!("{TINY} contract Other {{ uint256 public x; }}");
        let error = compile(&two).unwrap_err();
        assert!(error.to_string().contains("Other, Tiny"), "{error}");
        assert_eq!(Compiler::discover().unwrap().compile_named(&two, "Tiny").unwrap().name, "Tiny");
        let immutable = "pragma solidity ^0.8.0; contract I { uint256 public immutable x = block.number; }";
        assert!(matches!(compile(immutable).unwrap_err(), EvmError::NotSelfContained { .. }));
    }

    #[test]
    fn imports_reach_no_file() {
        let root = env!("CARGO_MANIFEST_DIR");
        for path in
            ["contracts/libraries/Identities.sol".to_owned(), format!("{root}/contracts/libraries/Identities.sol")]
        {
            let error =
                compile(&format!("pragma solidity ^0.8.0; import \"{path}\"; contract A {{ uint256 public x; }}"));
            assert!(matches!(error.unwrap_err(), EvmError::Compile { .. } | EvmError::ImportsRefused));
        }
    }

    #[test]
    fn code_over_the_limit_is_an_error_that_names_size_and_limit() {
        let word = "01".repeat(MAX_RUNTIME_BYTES);
        let big = format!(
            "pragma solidity ^0.8.0; contract Big {{ function f() external pure returns (bytes memory) {{ return hex\"{word}\"; }} }}"
        );
        let error = compile(&big).unwrap_err();
        assert!(matches!(&error, EvmError::ContractTooLarge { limit: MAX_RUNTIME_BYTES, .. }), "{error}");
        assert!(error.to_string().contains("24576"), "{error}");
    }

    #[test]
    fn long_diagnostics_are_cut_between_characters() {
        let mut text = "é".repeat(MAX_DIAGNOSTICS);
        truncate(&mut text, MAX_DIAGNOSTICS - 1);
        assert!(text.len() < MAX_DIAGNOSTICS + 10 && text.ends_with("[…]"));
    }
}
