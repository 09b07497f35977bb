// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IVerifierAdapter} from "../../../contracts/interfaces/IVerifierAdapter.sol";
import {R} from "../../../contracts/libraries/native/Bn254.sol";
import {INetworkHarness} from "./INetworkHarness.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Sums over positions by odds are the sums over positions, one by one.
contract NetworkLibrariesTest is Test {
    uint256 private constant BITS = 6;

    INetworkHarness private harness;

    function setUp() public {
        harness = INetworkHarness(deployCode("NetworkHarness.sol:NetworkHarness"));
    }

    /* ODDS */

    function testFuzz_oddsAreQuotients(bytes32 seed, uint256 other) public view {
        other = bound(other, 1, R - 1);
        (uint256[] memory xi, uint256[] memory r) = (_point(seed, "xi"), _point(seed, "r"));
        (uint256[] memory list, uint256[] memory equalities, uint256 inverse) = harness.odds(R, xi, r, other);
        assertEq(mulmod(inverse, other, R), 1);
        for (uint256 i = 0; i < BITS; i++) {
            uint256 zero = addmod(1, R - r[i], R);
            assertEq(mulmod(list[i], zero, R), r[i]);
            zero = mulmod(zero, addmod(1, R - xi[i], R), R);
            assertEq(mulmod(equalities[i], zero, R), mulmod(xi[i], r[i], R));
        }
    }

    /// @dev 1 - r_i has to have an inverse, and so has 1 - xi_i: a proof whose transcript gives a 1 is refused.
    function test_revert_coordinatesThatAreOne() public {
        for (uint256 i = 0; i < BITS; i++) {
            (uint256[] memory xi, uint256[] memory r) = (_point(0, "xi"), _point(0, "r"));
            r[i] = 1;
            vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
            harness.odds(R, xi, r, 1);
            (xi[i], r[i]) = (1, 0);
            vm.expectRevert(IVerifierAdapter.ProofInvalid.selector);
            harness.odds(R, xi, r, 1);
            xi[i] = 0;
            harness.odds(R, xi, r, 1);
        }
    }

    /* SUMS */

    function testFuzz_intervals(bytes32 seed, uint256 base, uint256 lo, uint256 hi) public view {
        base %= R;
        (lo, hi) = _ends(lo, hi);
        uint256[] memory r = _point(seed, "r");
        assertEq(harness.interval(R, base, r, lo, hi), _sum(base, r, lo, hi, 0));
    }

    /// @dev Everything that an interval can be: ends at both borders, one point, none.
    function test_everyInterval() public view {
        uint256[] memory r = _point(0, "r");
        uint256[3] memory challenges = _challenges(0);
        for (uint256 lo = 0; lo <= 16; lo++) {
            for (uint256 hi = lo; hi <= 16; hi++) {
                uint256 from = lo * 4;
                uint256 to = hi * 4;
                uint256 expected = _sum(challenges[2], r, from, to, 0);
                assertEq(harness.interval(R, challenges[2], r, from, to), expected);
                assertEq(harness.run(R, challenges, r, 1, from, to, 0), expected);
            }
        }
    }

    function testFuzz_runs(bytes32 seed, uint256 lo, uint256 hi, int256 shift, uint32 exponent) public view {
        uint256 mono = uint256(exponent) << (uint256(seed) % 3) * 32;
        uint256[] memory r = _point(seed, "r");
        uint256[3] memory challenges = _challenges(seed);
        // Positions are from lo + shift on, below hi + shift.
        (lo, hi) = _ends(lo, hi);
        shift = bound(shift, -70, int256(lo));
        (lo, hi) = (uint256(int256(lo) - shift), uint256(int256(hi) - shift));
        uint256 base = _power(challenges[2 - uint256(seed) % 3], exponent);
        assertEq(harness.run(R, challenges, r, mono, lo, hi, shift), _sum(base, r, lo, hi, shift));
    }

    function testFuzz_sumsOfEqualities(bytes32 seed, uint256 end) public view {
        end = bound(end, 0, 1 << BITS);
        (uint256[] memory xi, uint256[] memory r) = (_point(seed, "xi"), _point(seed, "r"));
        uint256 expected;
        for (uint256 p = 0; p < end; p++) {
            expected = addmod(expected, mulmod(_equal(p, xi), _equal(p, r), R), R);
        }
        assertEq(harness.below(R, xi, r, end), expected);
    }

    /* POWERS */

    /// @dev Exponents beyond what tables hold, too: they hold those below 4,096.
    function testFuzz_powers(bytes32 seed, uint32 alpha, uint32 chi, uint32 theta, int256 exponent) public view {
        exponent = bound(exponent, -(1 << 52), 1 << 52);
        uint256[3] memory challenges = _challenges(seed);
        uint256 times = uint256(exponent < 0 ? -exponent : exponent);
        uint256 expected = _power(challenges[0], alpha * times);
        expected = mulmod(expected, _power(challenges[1], chi * times), R);
        expected = mulmod(expected, _power(challenges[2], theta * times), R);
        uint256 mono = uint256(alpha) << 64 | uint256(chi) << 32 | theta;
        uint256 value = harness.shifted(R, challenges, mono, exponent);
        if (exponent > 0) value = mulmod(value, mulmod(expected, expected, R), R);
        assertEq(value, expected);
    }

    function test_powersAroundTheEndOfTables() public view {
        uint256[3] memory challenges = _challenges(0);
        for (uint256 exponent = 4088; exponent < 4105; exponent++) {
            assertEq(harness.shifted(R, challenges, exponent, -1), _power(challenges[2], exponent));
        }
    }

    /* INTERNAL */

    function _point(bytes32 seed, string memory name) private pure returns (uint256[] memory list) {
        list = new uint256[](BITS);
        for (uint256 i = 0; i < BITS; i++) {
            list[i] = uint256(keccak256(abi.encode(seed, name, i))) % R;
        }
    }

    function _challenges(bytes32 seed) private pure returns (uint256[3] memory list) {
        for (uint256 i = 0; i < 3; i++) {
            list[i] = uint256(keccak256(abi.encode(seed, "challenge", i))) % R;
        }
    }

    function _ends(uint256 a, uint256 b) private pure returns (uint256, uint256) {
        (a, b) = (bound(a, 0, 1 << BITS), bound(b, 0, 1 << BITS));
        return a < b ? (a, b) : (b, a);
    }

    function _sum(uint256 base, uint256[] memory r, uint256 lo, uint256 hi, int256 shift)
        private
        pure
        returns (uint256 sum)
    {
        uint256 power = _power(base, lo);
        for (uint256 i = lo; i < hi; i++) {
            sum = addmod(sum, mulmod(power, _equal(uint256(int256(i) + shift), r), R), R);
            power = mulmod(power, base, R);
        }
    }

    function _equal(uint256 position, uint256[] memory r) private pure returns (uint256 product) {
        product = 1;
        for (uint256 i = 0; i < r.length; i++) {
            product = mulmod(product, position >> i & 1 == 1 ? r[i] : addmod(1, R - r[i], R), R);
        }
    }

    function _power(uint256 base, uint256 exponent) private pure returns (uint256 result) {
        result = 1;
        for (; exponent != 0; exponent >>= 1) {
            if (exponent & 1 == 1) result = mulmod(result, base, R);
            base = mulmod(base, base, R);
        }
    }
}
