// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Bn254} from "../../../contracts/libraries/native/Bn254.sol";
import {NetworkPoint, Point} from "../../../contracts/libraries/network/NetworkPoint.sol";
import {NetworkPrefix} from "../../../contracts/libraries/network/NetworkPrefix.sol";
import {INetworkHarness} from "./INetworkHarness.sol";

/// @notice Compiled as the part is (foundry.toml).
contract NetworkHarness is INetworkHarness {
    using NetworkPoint for Point;

    /// @inheritdoc INetworkHarness
    function odds(uint256, uint256[] memory xi, uint256[] memory r, uint256 other)
        external
        view
        returns (uint256[] memory, uint256[] memory, uint256)
    {
        (uint256 list, uint256 equalities, uint256 inverse) = NetworkPrefix.odds(_words(xi), _words(r), r.length, other);
        return (_list(list, r.length), _list(equalities, r.length), inverse);
    }

    /// @inheritdoc INetworkHarness
    function run(
        uint256 modulus,
        uint256[3] memory challenges,
        uint256[] memory r,
        uint256 mono,
        uint256 lo,
        uint256 hi,
        int256 shift
    ) external view returns (uint256) {
        uint256 at = _odds(r);
        uint256 sum = _point(challenges, at).run(mono, lo, hi, shift, at);
        return mulmod(sum, NetworkPrefix.zeros(_words(r), r.length), modulus);
    }

    /// @inheritdoc INetworkHarness
    function interval(uint256 modulus, uint256 base, uint256[] memory r, uint256 lo, uint256 hi)
        external
        view
        returns (uint256)
    {
        uint256 sum = NetworkPoint.interval(base, lo, hi, _odds(r));
        return mulmod(sum, NetworkPrefix.zeros(_words(r), r.length), modulus);
    }

    /// @inheritdoc INetworkHarness
    function below(uint256 modulus, uint256[] memory xi, uint256[] memory r, uint256 end)
        external
        view
        returns (uint256)
    {
        (, uint256 equalities,) = NetworkPrefix.odds(_words(xi), _words(r), r.length, 1);
        uint256 sum = NetworkPrefix.below(NetworkPrefix.table(equalities, r.length), end);
        sum = mulmod(sum, NetworkPrefix.zeros(_words(xi), r.length), modulus);
        return mulmod(sum, NetworkPrefix.zeros(_words(r), r.length), modulus);
    }

    /// @inheritdoc INetworkHarness
    function shifted(uint256, uint256[3] memory challenges, uint256 mono, int256 exponent)
        external
        view
        returns (uint256)
    {
        return _point(challenges, 0).shifted(mono, exponent);
    }

    /* INTERNAL */

    function _odds(uint256[] memory r) private view returns (uint256 at) {
        (at,,) = NetworkPrefix.odds(_words(new uint256[](r.length)), _words(r), r.length, 1);
    }

    function _point(uint256[3] memory challenges, uint256 at) private view returns (Point memory) {
        uint256[3] memory inverses;
        for (uint256 i = 0; i < 3; i++) {
            inverses[i] = Bn254.inverse(challenges[i]);
        }
        return NetworkPoint.at(challenges, inverses, at, 0);
    }

    function _words(uint256[] memory list) private pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := add(list, 0x20)
        }
    }

    function _list(uint256 at, uint256 count) private pure returns (uint256[] memory list) {
        list = new uint256[](count);
        assembly ("memory-safe") {
            mcopy(add(list, 0x20), at, shl(5, count))
        }
    }
}
