// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {INativeVerifier} from "../../../contracts/interfaces/INativeVerifier.sol";
import {NativeTest} from "./NativeTest.sol";

/// @notice Parts that can be computed in another way.
contract NativeLibrariesTest is NativeTest {
    /* THE SRS */

    /// @dev tau of the TEST SRS is public, so every point of the table can be computed again.
    function test_theTestTableIsComputedFromTau() public {
        uint256 tau = uint256(keccak256("zkinfer TEST SRS: never use in production")) % ORDER;
        uint256[6] memory points = harness.pointsOfTheTestSrs(0);
        assertEq(
            keccak256(abi.encode(keccak256("zkinfer/srs/v1"), points)),
            INativeVerifier(deployCode("contracts/artifacts/NativeTestVerifier.json")).srsId()
        );
        uint256 power = tau;
        for (uint256 j = 0; j <= 28; j++) {
            if (j == 0 || j >= 4) {
                points = harness.pointsOfTheTestSrs(j);
                (bool success, bytes memory product) = address(7).staticcall(abi.encode(1, 2, power));
                assertTrue(success);
                assertEq(product, abi.encode(points[0], points[1]));
                assertTrue(_sameExponent(points));
            }
            power = mulmod(power, power, ORDER);
        }
    }

    /// @dev Of the ceremony nobody knows tau. Its table is checked by pairings: the same exponent in both groups, and each the square of the
    /// one before. Between 0 and 4 are three that keys do not need; the ceremony's file has them (crates/prover/src/srs).
    function test_theCeremonysTableIsOfOneTau() public view {
        uint256[6] memory points = harness.srsPoints(0);
        assertEq(keccak256(abi.encode(keccak256("zkinfer/srs/v1"), points)), verifier.srsId());
        assertTrue(_sameExponent(points));
        // [tau]_2 as in verifying keys that snarkjs users have published.
        assertEq(points[3], 21831381940315734285607113342023901060522397560371972897001948545212302161822);
        assertEq(points[2], 17231025384763736816414546592865244497437017442647097510447326538965263639101);
        assertEq(points[5], 2388026358213174446665280700919698872609886601280537296205114254867301080648);
        assertEq(points[4], 11507326595632554467052522095592665270651932854513688777769618397986436103170);
        for (uint256 j = 4; j <= 14; j++) {
            uint256[6] memory next = harness.srsPoints(j);
            assertTrue(_sameExponent(next));
            // e([tau^(2^(j+1))]_1, [1]_2) = e([tau^(2^j)]_1, [tau^(2^j)]_2)
            if (j > 4) assertTrue(_equal(next, points[0], points[1], points));
            points = next;
        }
    }

    function test_revert_otherExponents() public {
        for (uint256 j = 1; j < 300; j++) {
            if (j < 4 || j > 14) {
                vm.expectRevert(abi.encodeWithSelector(INativeVerifier.SrsTooSmall.selector, j));
                harness.srsPoints(j);
            }
            if (j < 4 || j > 28) {
                vm.expectRevert(abi.encodeWithSelector(INativeVerifier.SrsTooSmall.selector, j));
                harness.pointsOfTheTestSrs(j);
            }
        }
    }

    /// @dev e([tau^(2^j)]_1, [1]_2) = e([1]_1, [tau^(2^j)]_2).
    function _sameExponent(uint256[6] memory points) private view returns (bool) {
        return _equal(points, 1, 2, points);
    }

    /// @dev e(the point in G1 of `left`, [1]_2) = e((x, y), the point in G2 of `right`). The precompile checks that points are in their groups.
    function _equal(uint256[6] memory left, uint256 x, uint256 y, uint256[6] memory right) private view returns (bool) {
        uint256[12] memory pairs;
        (pairs[0], pairs[1]) = (left[0], FIELD - left[1]);
        pairs[2] = 11559732032986387107991004021392285783925812861821192530917403151452391805634;
        pairs[3] = 10857046999023057135944570762232829481370756359578518086990519993285655852781;
        pairs[4] = 4082367875863433681332203403145435568316851327593401208105741076214120093531;
        pairs[5] = 8495653923123431417604973247489272438418190587263600148770280649306958101930;
        (pairs[6], pairs[7]) = (x, y);
        for (uint256 i = 2; i < 6; i++) {
            pairs[i + 6] = right[i];
        }
        (bool success, bytes memory result) = address(8).staticcall(abi.encode(pairs));
        return success && abi.decode(result, (bool));
    }

    /* INTERVALS */

    /// forge-config: default.fuzz.runs = 64
    function testFuzz_intervals(uint256 base, uint256[6] memory words, uint256 n, uint256 from, uint256 to)
        public
        view
    {
        n = bound(n, 0, 6);
        to = bound(to, 0, 1 << n);
        from = bound(from, 0, to);
        base %= ORDER;
        uint256[] memory r = new uint256[](n);
        for (uint256 i = 0; i < n; i++) {
            r[i] = words[i] % ORDER;
        }
        assertEq(harness.interval(base, r, from, to), _interval(base, r, from, to));
    }

    /// @dev The definition.
    function _interval(uint256 base, uint256[] memory r, uint256 from, uint256 to) private pure returns (uint256 sum) {
        uint256 power = 1;
        for (uint256 p = 0; p < to; p++) {
            uint256 term = power;
            for (uint256 i = 0; i < r.length; i++) {
                term = mulmod(term, p >> i & 1 == 1 ? r[i] : addmod(1, ORDER - r[i], ORDER), ORDER);
            }
            if (p >= from) sum = addmod(sum, term, ORDER);
            power = mulmod(power, base, ORDER);
        }
    }
}
