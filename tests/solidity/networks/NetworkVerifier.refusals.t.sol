// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {INativeVerifier} from "../../../contracts/interfaces/INativeVerifier.sol";
import {INetworkVerifier} from "../../../contracts/interfaces/INetworkVerifier.sol";
import {IVerifierAdapter} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {NetworkPorts} from "./NetworkPorts.sol";
import {NetworkTest} from "./NetworkTest.sol";

/// @notice What is not a valid proof of these statements under this key is refused, with an error that says what is wrong.
contract NetworkVerifierRefusalsTest is NetworkTest {
    /// @dev How many vectors, the first, have recorded verdicts on changed programs.
    uint256 private constant RECORDED = 8;

    /* PROOFS */

    /// @dev Every third word of each proof, changed in its lowest bit. None costs more than the proof that is accepted, but for
    /// the few gas of the refusal.
    function test_everyWordCounts() public {
        string[] memory list = names();
        for (uint256 i = 0; i < list.length; i++) {
            Vector memory v = load(list[i]);
            verify(v);
            uint256 accepted = vm.lastCallGas().gasTotalUsed;
            for (uint256 offset = 32 * (i % 3); offset < v.proof.length; offset += 96) {
                uint256 word = wordAt(v.proof, offset);
                setWord(v.proof, offset, word ^ 1);
                bytes4 selector = bytes4(refusal(v));
                assertLt(vm.lastCallGas().gasTotalUsed, accepted + 1_000);
                assertTrue(
                    selector == IVerifierAdapter.ProofInvalid.selector
                        || selector == INativeVerifier.PointInvalid.selector,
                    list[i]
                );
                setWord(v.proof, offset, word);
            }
        }
    }

    function test_scalarsAreBelowTheOrder() public {
        Vector memory v = load("mlp");
        uint256 offset = v.proof.length - 32;
        setWord(v.proof, offset, type(uint256).max);
        expectRefusal(v, abi.encodeWithSelector(INativeVerifier.ScalarOutOfRange.selector, offset));
    }

    function test_lengthIsExact() public {
        Vector memory v = load("mlp");
        bytes memory proof = v.proof;
        v.proof = bytes.concat(proof, hex"00");
        expectRefusal(v, abi.encodeWithSelector(IVerifierAdapter.ProofLength.selector, proof.length + 1));
        v.proof = hex"";
        expectRefusal(v, abi.encodeWithSelector(IVerifierAdapter.ProofLength.selector, 0));
    }

    /* STATEMENTS */

    function test_otherStatementsAreRefused() public {
        string[] memory list = names();
        for (uint256 i = 0; i < list.length; i++) {
            Vector memory v = load(list[i]);
            v.contextIds[0] ^= bytes32(uint256(1));
            expectRefusal(v, abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector));
            v = load(list[i]);
            v.model.modelId ^= bytes32(uint256(1));
            expectRefusal(v, abi.encodeWithSelector(IVerifierAdapter.ProofInvalid.selector));
            v = load(list[i]);
            // The last byte of the last value, or of a commitment.
            bytes memory values = v.publicValues[0];
            values[values.length - 1] ^= 0x01;
            refusal(v);
        }
    }

    function test_batchesAreWhole() public {
        Vector memory v = load("mlp");
        bytes32[] memory contextIds = new bytes32[](0);
        vm.expectRevert(abi.encodeWithSelector(INativeVerifier.BatchSize.selector, 0));
        verifier.verifyBatch(v.model, contextIds, new bytes[](0), v.proof);
        vm.expectRevert(abi.encodeWithSelector(INativeVerifier.BatchSize.selector, 1));
        verifier.verifyBatch(v.model, v.contextIds, new bytes[](1), v.proof);
        bytes memory last = v.publicValues[2];
        v.publicValues[2] = bytes.concat(last, hex"00");
        expectRefusal(v, abi.encodeWithSelector(IVerifierAdapter.PublicValuesLength.selector, last.length + 1));
    }

    /// @dev An index beyond its vocabulary would be a row of something else.
    function test_indicesHaveARange() public {
        Vector memory v = load("tokens-argmax");
        (NetworkPorts.Port[] memory ports,) = NetworkPorts.read(v.program);
        for (uint256 i = 0; i < ports[0].width; i++) {
            v.publicValues[1][i] = 0xff;
        }
        expectRefusal(v, abi.encodeWithSelector(IVerifierAdapter.ValueOutOfRange.selector, 0));
    }

    function test_commitmentsArePoints() public {
        Vector memory v = load("lanes-committed");
        v.publicValues[1][64] ^= 0x01;
        expectRefusal(v, abi.encodeWithSelector(INativeVerifier.CommitmentInvalid.selector, 64));
    }

    /* KEYS */

    function test_keysAreThoseOfTheModel() public {
        Vector memory v = load("mlp");
        bytes32 digest = v.model.vkDigest;
        v.model.vkDigest = 0;
        expectRefusal(v, abi.encodeWithSelector(INativeVerifier.KeyDigest.selector, digest));
        v.model.vkDigest = digest;
        v.model.srsId = bytes32(uint256(1));
        expectRefusal(v, abi.encodeWithSelector(INativeVerifier.UnknownSrs.selector, 1));
        v.model.srsId = verifier.srsId();
        v.model.modelCode = address(1);
        expectRefusal(v, abi.encodeWithSelector(IVerifierAdapter.NoCode.selector, address(1)));
        // Code that could be called.
        v.model.modelCode = address(verifier);
        expectRefusal(v, abi.encodeWithSelector(INativeVerifier.KeyPrefix.selector));
    }

    function test_programsAreThoseOfTheKey() public {
        Vector memory v = load("mlp");
        bytes memory program = bytes.concat(v.program);
        program[program.length - 1] ^= 0x01;
        v.model.modelCode = deployKey(keyObject(v.vk, program));
        expectRefusal(v, abi.encodeWithSelector(INetworkVerifier.ProgramDigest.selector, keccak256(program)));
    }

    function test_keysHaveTheirForm() public {
        Vector memory v = load("mlp");
        // Another number of fixed commitments than the program has columns.
        bytes memory vk = bytes.concat(v.vk, new bytes(64));
        bytes memory object = keyObject(vk, v.program);
        _expectKey(v, object, vk, abi.encodeWithSelector(INativeVerifier.KeyLength.selector, object.length));
        vk = bytes.concat(v.vk);
        vk[1] = 0x01;
        _expectKey(v, keyObject(vk, v.program), vk, abi.encodeWithSelector(INativeVerifier.KeyVersion.selector));
        vk = bytes.concat(v.vk);
        vk[99] ^= 0x01;
        _expectKey(v, keyObject(vk, v.program), vk, abi.encodeWithSelector(INativeVerifier.KeyPoint.selector));
        vk = bytes.concat(v.vk);
        vk[3] = 0x02;
        _expectKey(v, keyObject(vk, v.program), vk, abi.encodeWithSelector(INativeVerifier.KeyShape.selector));
        object = hex"00ffff";
        _expectKey(v, object, vk, abi.encodeWithSelector(INativeVerifier.KeyLength.selector, 3));
    }

    function _expectKey(Vector memory v, bytes memory object, bytes memory vk, bytes memory data) private {
        v.model.modelCode = deployKey(object);
        v.model.vkDigest = vkDigest(vk);
        expectRefusal(v, data);
    }

    /* PAGES */

    /// @dev A program in three pieces is the same program.
    function test_programsMayHavePages() public {
        Vector memory v = load("convolutions");
        uint256 length = v.program.length;
        bytes memory first = _slice(v.program, 0, 1000);
        address second = deployKey(bytes.concat(hex"00", _slice(v.program, 1000, 2500)));
        address third = deployKey(bytes.concat(hex"00", _slice(v.program, 2500, length)));
        bytes memory head = abi.encodePacked(hex"00", uint16(v.vk.length), v.vk);
        v.model.modelCode = deployKey(abi.encodePacked(head, hex"02", second, third, first));
        verify(v);
        v.model.modelCode = deployKey(abi.encodePacked(head, hex"02", third, second, first));
        bytes32 digest = keccak256(bytes.concat(first, _slice(v.program, 2500, length), _slice(v.program, 1000, 2500)));
        expectRefusal(v, abi.encodeWithSelector(INetworkVerifier.ProgramDigest.selector, digest));
        v.model.modelCode = deployKey(abi.encodePacked(head, hex"02", second, address(1), first));
        expectRefusal(v, abi.encodeWithSelector(IVerifierAdapter.NoCode.selector, address(1)));
        v.model.modelCode = deployKey(abi.encodePacked(head, hex"02", second, address(verifier), first));
        expectRefusal(v, abi.encodeWithSelector(INativeVerifier.KeyPrefix.selector));
        bytes memory object = abi.encodePacked(head, hex"05", new bytes(100), first);
        v.model.modelCode = deployKey(object);
        expectRefusal(v, abi.encodeWithSelector(INativeVerifier.KeyLength.selector, object.length));
    }

    function _slice(bytes memory data, uint256 from, uint256 to) private pure returns (bytes memory part) {
        part = new bytes(to - from);
        for (uint256 i = 0; i < part.length; i++) {
            part[i] = data[from + i];
        }
    }

    /* PROGRAMS */

    /// @dev 1,200 programs with one changed byte, under keys that name them, have the recorded verdict of the other two verifiers: those that
    /// are not canonical are refused for that, unless a length is wrong before it is found; those that are canonical are never refused for
    /// their form. None is accepted, and none costs more than four times the proof that is.
    function test_changedProgramsHaveTheRecordedVerdicts() public {
        _checkVerdicts(0);
    }

    /// @dev The other half: one test has gas for one.
    function test_moreChangedProgramsHaveTheRecordedVerdicts() public {
        _checkVerdicts(1);
    }

    function _checkVerdicts(uint256 first) private {
        string memory verdicts = vm.readFile(string.concat(DIRECTORY, "hostile/programs.json"));
        string[] memory list = names();
        uint256 forms;
        for (uint256 i = 0; i < RECORDED; i++) {
            Vector memory v = load(list[i]);
            verify(v);
            uint256 accepted = vm.lastCallGas().gasTotalUsed;
            for (uint256 j = first; j < 150; j += 2) {
                string memory path = string.concat("$['", list[i], "'][", vm.toString(j), "]");
                bytes memory program = bytes.concat(v.program);
                uint256 at = vm.parseJsonUint(verdicts, string.concat(path, "[0]"));
                program[at] = bytes1(uint8(vm.parseJsonUint(verdicts, string.concat(path, "[1]"))));
                if (program[at] == v.program[at]) continue;
                bool canonical = vm.parseJsonBool(verdicts, string.concat(path, "[2]"));

                Vector memory changed = v;
                changed.model = withProgram(v, program);
                bytes4 selector = bytes4(refusal(changed));
                assertLt(vm.lastCallGas().gasTotalUsed, 4 * accepted, "gas");
                bool form = _isForm(selector);
                assertFalse(form && canonical, string.concat(list[i], " refused at ", vm.toString(at)));
                if (!canonical && !form) {
                    assertTrue(_isLength(selector), string.concat(list[i], " taken at ", vm.toString(at)));
                }
                if (form) forms++;
            }
        }
        assertGt(forms, 125, "programs refused for their form");
    }

    function _isForm(bytes4 selector) private pure returns (bool) {
        return selector == INetworkVerifier.ProgramLength.selector || selector == INetworkVerifier.ProgramEnd.selector
            || selector == INetworkVerifier.ProgramHeader.selector || selector == INetworkVerifier.ProgramKind.selector
            || selector == INetworkVerifier.ProgramTensor.selector || selector == INetworkVerifier.ProgramPort.selector
            || selector == INetworkVerifier.ProgramAccess.selector || selector == INetworkVerifier.ProgramTerm.selector
            || selector == INetworkVerifier.ProgramHat.selector || selector == INetworkVerifier.ProgramSegment.selector
            || selector == INetworkVerifier.ProgramLimit.selector;
    }

    function _isLength(bytes4 selector) private pure returns (bool) {
        return selector == IVerifierAdapter.PublicValuesLength.selector
            || selector == IVerifierAdapter.ProofLength.selector || selector == INativeVerifier.KeyLength.selector
            || selector == IVerifierAdapter.ValueOutOfRange.selector;
    }

    /// @dev Cut off anywhere, a program is refused: what is read beyond its end is not believed.
    function test_shortProgramsAreRefused() public {
        Vector memory v = load("mlp");
        bytes memory program = v.program;
        for (uint256 length = 0; length < program.length; length += 61) {
            v.model = withProgram(v, _slice(program, 0, length));
            refusal(v);
        }
        v.model = withProgram(v, bytes.concat(program, hex"00"));
        expectRefusal(v, abi.encodeWithSelector(INetworkVerifier.ProgramLength.selector, program.length + 1));
    }

    /* PARTS */

    /// @dev Without the part that it names, the verifier refuses everything.
    function test_otherPartsAreRefused() public {
        Vector memory v = load("mlp");
        address part = vm.computeCreateAddress(address(verifier), 1);
        bytes memory code = part.code;
        vm.etch(part, hex"00");
        expectRefusal(v, abi.encodeWithSelector(INetworkVerifier.PartInvalid.selector, keccak256(hex"00")));
        vm.etch(part, code);
        verify(v);
    }

    /// @dev It cannot be made with another one either.
    function test_isMadeWithItsPart() public {
        bytes memory creation = vm.getCode("contracts/artifacts/NetworkTestVerifier.json");
        // The last byte of the part that is not padding: its own code ends with it.
        uint256 last = creation.length - 1;
        while (creation[last] == 0) last--;
        creation[last] ^= 0x01;
        address made;
        assembly ("memory-safe") {
            made := create(0, add(creation, 0x20), mload(creation))
        }
        assertEq(made, address(0));
    }

    /* VIEWS */

    function test_views() public {
        assertEq(verifier.name(), "network-test");
        assertTrue(verifier.ACCEPTS_TEST_SRS());
        assertTrue(verifier.bindsStatement());
        INetworkVerifier ceremony = INetworkVerifier(deployCode("contracts/artifacts/NetworkVerifier.json"));
        assertEq(ceremony.name(), "network");
        assertFalse(ceremony.ACCEPTS_TEST_SRS());
        Vector memory v = load("mlp");
        vm.expectRevert(abi.encodeWithSelector(INativeVerifier.UnknownSrs.selector, v.model.srsId));
        ceremony.verifyBatch(v.model, v.contextIds, v.publicValues, v.proof);
    }
}
