//! `contracts/interfaces/IClaimRegistry.sol` with what it inherits, as one interface: claims, batches, breaker, ledger.

use alloy::sol;

sol! {
    #[derive(Debug, PartialEq, Eq)]
    interface IClaimRegistry {
        enum Stage { None, Attested, Open, Challenged, Verified, Final, Slashed, Void }

        enum LeafStage { None, Challenged, Answered, Settled }

        enum Assurance { None, Attested, Optimistic, Verified }

        #[derive(Copy)]
        struct Terms {
            uint256 bond;
            uint256 fee;
            uint40 challengeWindow;
            uint40 answerWindow;
            uint16 maxOpenChallenges;
        }

        #[derive(Copy)]
        struct Assignment {
            address submitter;
            address consumer;
            bytes32 job;
            uint64 deadline;
        }

        #[derive(Copy)]
        struct Claim {
            address submitter;
            uint40 since;
            uint40 model;
            Stage stage;
            bool transferable;
        }

        #[derive(Copy)]
        struct Batch {
            bytes32 modelId;
            address submitter;
            address consumer;
            uint64 deadline;
            bytes32 root;
            uint16 count;
        }

        struct Leaf {
            uint16 index;
            bytes32 job;
            bytes publicValues;
            bytes32[] path;
        }

        #[derive(Copy)]
        struct BatchRecord {
            uint40 closesAt;
            uint40 model;
            uint16 count;
            uint16 open;
            Stage stage;
            bytes32 root;
        }

        #[derive(Copy)]
        struct LeafRecord {
            address challenger;
            uint40 since;
            LeafStage stage;
        }

        struct Evidence {
            bytes32 contextId;
            bytes publicValues;
            bytes proof;
        }

        error SubmitterMismatch(address submitter, address caller);
        error DeadlinePassed(uint64 deadline);
        error WrongStage(bytes32 id, Stage stage);
        error WrongValue(uint256 required, uint256 sent);
        error TooLate(uint256 lastSecond);
        error TooEarly(uint256 lastSecond);
        error ZeroTerm();
        error WindowTooLong(uint40 window);
        error ClaimExists(bytes32 statementId);
        error NotProven(bytes32 statementId);
        error LeafCount(uint256 count);
        error BatchExists(bytes32 batchId);
        error NoSuchLeaf(uint256 index);
        error WrongLeafStage(uint256 index, LeafStage stage);
        error TooManyChallenges(uint256 open);
        error OpenChallenges(uint256 open);
        error AnswerSize(uint256 leaves);
        error NotInTree(uint256 index);
        error Broken(bytes32 modelId);
        error NoContradiction();
        error OtherSchema(bytes32 schemaHash);
        error HiddenSide();
        error DoesNotVouch(address adapter);
        error SilentRefusal(address adapter);
        error InputAfterOutput(uint256 tensor);
        error NothingOwed(address account);
        error PaymentRefused(address account);

        event ClaimAttested(
            bytes32 indexed statementId,
            bytes32 indexed modelId,
            address indexed submitter,
            address consumer,
            bytes32 job,
            uint64 deadline,
            bytes32 publicValuesHash,
            bytes32 proofHash,
            bytes32 contentHash
        );
        event ClaimPosted(
            bytes32 indexed statementId,
            bytes32 indexed modelId,
            address indexed submitter,
            address consumer,
            bytes32 job,
            uint64 deadline,
            bool transferable,
            bytes publicValues
        );
        event ClaimChallenged(bytes32 indexed statementId, address indexed challenger);
        event ClaimVerified(
            bytes32 indexed statementId,
            bytes32 indexed modelId,
            address indexed submitter,
            address consumer,
            bytes32 job,
            uint64 deadline,
            bytes32 publicValuesHash,
            bytes32 proofHash,
            bool transferable
        );
        event ClaimFinalized(bytes32 indexed statementId);
        event ClaimSlashed(bytes32 indexed statementId, address indexed challenger, address indexed beneficiary);
        event ClaimVoided(bytes32 indexed statementId);
        event BatchPosted(
            bytes32 indexed batchId,
            bytes32 indexed modelId,
            address indexed submitter,
            address consumer,
            uint64 deadline,
            bytes32 root,
            uint16 count,
            bytes32 contentHash
        );
        event LeafChallenged(bytes32 indexed batchId, uint256 indexed index, address indexed challenger);
        event LeafAnswered(bytes32 indexed batchId, uint256 indexed index, bytes32 indexed statementId);
        event BatchProlonged(bytes32 indexed batchId, uint40 closesAt);
        event BatchFinalized(bytes32 indexed batchId);
        event BatchSlashed(bytes32 indexed batchId, uint256 indexed index, address indexed challenger, address beneficiary);
        event BatchVoided(bytes32 indexed batchId);
        event FeeReturned(bytes32 indexed batchId, uint256 indexed index, address indexed challenger);
        event ModelBroken(bytes32 indexed modelId, address indexed breaker, bytes32 inputsHash);
        event AdapterBroken(bytes32 indexed adapterId, bytes32 indexed modelId, address indexed breaker, bytes32 inputsHash);
        event Credited(address indexed account, uint256 amount);
        event Withdrawn(address indexed account, address indexed to, uint256 amount);

        function attest(
            bytes32 modelId,
            Assignment calldata assignment,
            bytes32 publicValuesHash,
            bytes32 proofHash,
            bytes32 contentHash
        ) external returns (bytes32 statementId);
        function post(bytes32 modelId, Assignment calldata assignment, bytes calldata publicValues)
            external payable returns (bytes32 statementId);
        function submit(bytes32 modelId, Assignment calldata assignment, bytes calldata publicValues, bytes calldata proof)
            external returns (bytes32 statementId);
        function adopt(bytes32 modelId, Assignment calldata assignment, bytes32 publicValuesHash)
            external returns (bytes32 statementId);
        function challenge(bytes32 statementId) external payable;
        function answer(bytes32 modelId, Assignment calldata assignment, bytes calldata publicValues, bytes calldata proof)
            external returns (bytes32 statementId);
        function finalize(bytes32 modelId, Assignment calldata assignment, bytes32 publicValuesHash)
            external returns (Stage stage);

        function postBatch(Batch calldata batch, bytes32 contentHash) external payable returns (bytes32 batchId);
        function challengeLeaf(bytes32 batchId, uint16 index) external payable;
        function answerLeaves(Batch calldata batch, Leaf[] calldata leaves, bytes calldata proof) external;
        function finalizeBatch(Batch calldata batch) external returns (Stage stage);
        function slashBatch(Batch calldata batch, uint16 index) external;
        function returnFee(bytes32 batchId, uint16 index) external;

        function breakModel(
            bytes32 modelId,
            bytes calldata schema,
            Evidence calldata first,
            Evidence calldata second
        ) external;
        function breakAdapter(bytes32 modelId, Evidence calldata first, Evidence calldata second) external;

        function withdraw(address account) external returns (uint256 amount);
        function withdrawTo(address to) external returns (uint256 amount);

        function terms() external view returns (Terms memory);
        function proofRegistry() external view returns (address);
        function modelRegistry() external view returns (address);
        function isFinal(bytes32 statementId, Assurance minimumAssurance) external view returns (bool);
        function finalAssurance(bytes32 statementId) external view returns (Assurance);
        function claim(bytes32 statementId) external view returns (Claim memory);
        function challengerOf(bytes32 statementId) external view returns (address);
        function statementIdOf(bytes32 modelId, Assignment calldata assignment, bytes32 publicValuesHash)
            external view returns (bytes32);
        function isFinalInBatch(
            bytes32 batchId,
            uint16 index,
            bytes32[] calldata path,
            bytes32 statementId,
            Assurance minimumAssurance
        ) external view returns (bool);
        function batch(bytes32 batchId) external view returns (BatchRecord memory);
        function leaf(bytes32 batchId, uint16 index) external view returns (LeafRecord memory);
        function batchIdOf(Batch calldata batch) external view returns (bytes32);
        function isBroken(bytes32 modelId) external view returns (bool);
        function isAdapterBroken(bytes32 adapterId) external view returns (bool);
        function modelNumber(bytes32 modelId) external view returns (uint40);
        function credit(address account) external view returns (uint256);
        function BURNED() external view returns (address);
    }
}
