//! Compiling one generated Solidity verifier.
//!
//! The profile is that of `foundry.toml`, and nothing of it is configurable: the code hash is part of the model id, so
//! that another optimizer setting would be another model. The source's file name and the machine's paths do not reach
//! the code, because metadata is switched off.

use super::{EvmError, Tool, Toolchain, toolchain::SOLC_VERSION};
use alloy::primitives::{B256, Bytes, keccak256};
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
    let outputs = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.deployedBytecode.immutableReferences"];
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
    let evm = contract.evm.unwrap_or_default();
    let deployed = evm.deployed_bytecode.unwrap_or_default();
    if !deployed.immutable_references.is_empty() {
        return Err(refuse("it has immutables, so that its code is not known before it is deployed"));
    }
    let runtime = deployed.bytecode.and_then(|bytecode| bytecode.object.into_bytes());
    let creation = evm.bytecode.and_then(|bytecode| bytecode.object.into_bytes());
    let (Some(runtime_code), Some(creation_code)) = (runtime, creation) else {
        return Err(refuse("it needs libraries to be linked"));
    };
    if runtime_code.len() > MAX_RUNTIME_BYTES {
        return Err(EvmError::ContractTooLarge { contract: name, size: runtime_code.len(), limit: MAX_RUNTIME_BYTES });
    }
    let abi_json = serde_json::to_string(&contract.abi.unwrap_or_default()).unwrap_or_else(|_| "[]".to_owned());
    Ok(CompiledContract { abi_json, creation_code, code_hash: keccak256(&runtime_code), runtime_code, name })
}

/// Cuts at a character boundary.
fn truncate(text: &mut String, limit: usize) {
    if text.len() > limit {
        let end = (0..=limit).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
        text.push_str("\n[…]");
    }
}
