// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {INetworkVerifier} from "../../interfaces/INetworkVerifier.sol";
import {HALF, SIXTH} from "../native/Bn254.sol";
import {Proof} from "../native/NativeProof.sol";
import {NetworkAccess} from "./NetworkAccess.sol";
import {NetworkKinds, Rows} from "./NetworkKinds.sol";
import {NetworkMemory, order} from "./NetworkMemory.sol";
import {NetworkPoint, Point} from "./NetworkPoint.sol";
import {NetworkPrefix} from "./NetworkPrefix.sol";
import {NetworkProgram, Program} from "./NetworkProgram.sol";
import {Shape} from "./NetworkShape.sol";
import {NetworkTerms, Samples} from "./NetworkTerms.sol";
import {Challenges} from "./NetworkTranscript.sol";

/// @title NetworkSummand
/// @notice V3 and V4 of docs/protocol-networks.md, N8: the rounds take the claim about a sum to a claim about r, and the values of M4 and the
/// closed forms of the program meet it.
/// @dev 5 R < 2^256: sums of up to five scalars are left unreduced where only `mulmod`, `addmod` or `mod` reads them.
library NetworkSummand {
    using NetworkMemory for uint256;

    /* TYPES */

    /// @dev Sums over the operations of a program, while it is read.
    /// @param lambda The power of lambda of the next operation.
    /// @param claim - sum_o l_o (terms of o on public ports)
    /// All but the first two are by odds (`NetworkPrefix`).
    /// @param views sum over accesses of relations and ops, with l_o, times the values of their views.
    /// @param hats The same over the accesses of hats, and
    /// @param left left and
    /// @param right right sides, without weights.
    /// @param segments ZB
    /// @param publicHats ZBP
    /// @param products MC, without the factor of the sample.
    /// @param taken The intervals of positions of G that are taken.
    /// @param count How many.
    struct Operations {
        uint256 lambda;
        uint256 claim;
        uint256 views;
        uint256 hats;
        uint256 left;
        uint256 right;
        uint256 segments;
        uint256 publicHats;
        uint256 products;
        uint256 taken;
        uint256 count;
    }

    /* CONSTANTS */

    uint256 private constant MAX_OPERATIONS = 1024;

    /// @dev The least number of bytes of an op or a hat that takes an interval.
    uint256 private constant LEAST = 14;

    /* CHECKS */

    /// @notice V3 and V4.
    function check(Program memory p, Shape memory s, Proof memory proof, Challenges memory c, uint256 values)
        internal
        view
        returns (bool)
    {
        (Point memory q, uint256 equalities) = _point(s, c);
        Samples memory k = Samples({
            values: values,
            samples: s.samples,
            mu: c.mu,
            geometric: NetworkPoint.geometric(c.mu, s.samples),
            odds: q.odds,
            variables: s.variables
        });
        Rows memory w = NetworkKinds.rows(p, s, proof, c, q.odds, equalities);
        uint256 phi = _local(p, s, proof, c, w, equalities);
        Operations memory o = _operations(p, q, k, w, c.lambda);
        phi = addmod(phi, _linear(p, s, c, w, o), order());
        phi = addmod(phi, _ports(p, s, c, w), order());
        phi = addmod(phi, _masks(s, c, w), order());
        uint256 claim = addmod(o.claim, mulmod(c.zeta, proof.sigma.word(0), order()), order());
        // Phi(r) is what is left of the claim.
        if (phi != _rounds(proof, c, claim)) return false;
        return true;
    }

    /// @dev What public functions are evaluated at, and the odds of eq(xi, .) at r.
    function _point(Shape memory s, Challenges memory c) private view returns (Point memory q, uint256 equalities) {
        // One inversion for all: V2 has refused challenges that are 0.
        uint256 both = mulmod(c.alpha, c.chi, order());
        uint256 odds;
        uint256 inverse;
        (odds, equalities, inverse) = NetworkPrefix.odds(c.xi, c.point, s.variables, mulmod(both, c.theta, order()));
        uint256[3] memory inverses;
        inverses[2] = mulmod(inverse, both, order());
        inverse = mulmod(inverse, c.theta, order());
        inverses[1] = mulmod(inverse, c.alpha, order());
        inverses[0] = mulmod(inverse, c.chi, order());
        q = NetworkPoint.at([c.alpha, c.chi, c.theta], inverses, odds, s.logSamples);
    }

    /* THE ROUNDS */

    /// @dev V3: the claim after each round is the cubic through (0, e0), (1, claim - e0), (2, e2), (3, e3) at r_i.
    function _rounds(Proof memory proof, Challenges memory c, uint256 claim) private pure returns (uint256 result) {
        uint256 message = proof.rounds;
        uint256 end = proof.evals;
        uint256 point = c.point;
        result = claim;
        if (message == end) return result;
        assembly ("memory-safe") {
            for {} lt(message, end) { message := add(message, 0x60) } {
                let t := mload(point)
                point := add(point, 0x20)
                let e0 := mload(message)
                let e1 := addmod(result, sub(calldataload(0x04), e0), calldataload(0x04))
                // t - 1, t - 2, t - 3, not reduced.
                let t1 := add(t, sub(calldataload(0x04), 1))
                let t2 := add(t, sub(calldataload(0x04), 2))
                let t3 := add(t, sub(calldataload(0x04), 3))
                let low := mulmod(t, t1, calldataload(0x04))
                let high := mulmod(t2, t3, calldataload(0x04))
                // (e3 t (t-1) (t-2) - e0 (t-1) (t-2) (t-3)) / 6
                let sixth := mulmod(mload(add(message, 0x40)), mulmod(low, t2, calldataload(0x04)), calldataload(0x04))
                sixth := add(
                    sixth,
                    sub(calldataload(0x04), mulmod(e0, mulmod(t1, high, calldataload(0x04)), calldataload(0x04)))
                )
                // (e1 t (t-2) (t-3) - e2 t (t-1) (t-3)) / 2
                let half := mulmod(e1, mulmod(t, high, calldataload(0x04)), calldataload(0x04))
                half := add(
                    half,
                    sub(
                        calldataload(0x04),
                        mulmod(mload(add(message, 0x20)), mulmod(low, t3, calldataload(0x04)), calldataload(0x04))
                    )
                )
                result := addmod(
                    mulmod(sixth, SIXTH, calldataload(0x04)),
                    mulmod(half, HALF, calldataload(0x04)),
                    calldataload(0x04)
                )
            }
        }
    }

    /* ROWS */

    /// @dev The part of Phi that is about single rows, and both logUp sums.
    function _local(
        Program memory p,
        Shape memory s,
        Proof memory proof,
        Challenges memory c,
        Rows memory w,
        uint256 equalities
    ) private pure returns (uint256 phi) {
        unchecked {
            NetworkKinds.Sums memory z = NetworkKinds.sums(p, proof, c, w);
            // ES and S, but for the factor of the sample.
            uint256 eq = NetworkPrefix.below(w.eq, p.positions) + order() - NetworkPrefix.below(w.eq, 2);
            uint256 real = NetworkPoint.interval(1, 2, p.positions, w.odds);
            uint256 exponent = p.gates + p.lookups + p.reads + 1;
            (uint256 bracket, uint256 total) = _bytes(p, s, c, w, exponent);

            (uint256 rows, uint256 sums) = _copies(p, s, c, w, eq, real, z.read);

            // What has eq(xi, .) as its weight: on rows of samples k < N, and on all real rows.
            rows = mulmod(NetworkPoint.interval(1, 0, s.samples, equalities), z.phi + rows, order());
            bracket = mulmod(NetworkPoint.interval(1, 0, 1 << s.logSamples, equalities), bracket, order());
            rows += mulmod(eq, bracket, order());
            rows = mulmod(rows, NetworkPrefix.zeros(c.xi, s.variables), order());
            phi = mulmod(rows, NetworkPrefix.zeros(c.point, s.logSamples), order());
            // l(eT + 1) ( S (sum_c H_c - H_T) + sum_i SLK_i J_i )
            total = mulmod(real, total, order()) + mulmod(w.inside, z.looked, order());
            phi += mulmod(w.powers.word(exponent + p.limbs + 1), total, order());
            phi = mulmod(w.zeros, phi + mulmod(w.inside, sums, order()), order());
        }
    }

    /// @dev ESN l(eV) (HV (beta + gamma POS + gamma^2 SMP) - mult) and l(eT + 2) (sum_j SR_j HX_j - SN HV), if anything is copied: both
    /// without the factor of the sample and by odds.
    function _copies(
        Program memory p,
        Shape memory s,
        Challenges memory c,
        Rows memory w,
        uint256 eq,
        uint256 real,
        uint256 read
    ) private pure returns (uint256 rows, uint256 sums) {
        unchecked {
            if (p.reads == 0) return (0, 0);
            uint256 exponent = p.gates + p.lookups + p.reads;
            uint256 hv = w.copies.word(p.reads);
            uint256 tuple = c.beta + mulmod(c.gamma, _bits(c.point + 32 * s.logSamples, w.n), order());
            tuple += mulmod(w.gamma2, w.samples, order());
            tuple = mulmod(hv, tuple, order()) + order() - w.addresses.word(p.reads);
            rows = mulmod(eq, mulmod(w.powers.word(exponent), tuple, order()), order());
            hv = mulmod(real, hv, order());
            sums = mulmod(w.powers.word(exponent + p.limbs + 3), read + order() - hv, order());
        }
    }

    /// @dev sum_c l(eH+c) (H_c (beta + L_c) - 1)  +  l(eT) (H_T (beta + Tin + gamma Tout + gamma^2 Tid) - m), and sum_c H_c - H_T
    function _bytes(Program memory p, Shape memory s, Challenges memory c, Rows memory w, uint256 exponent)
        private
        pure
        returns (uint256 bracket, uint256 total)
    {
        unchecked {
            uint256 limbs = p.limbs;
            for (uint256 i = 0; i < limbs; i++) {
                uint256 h = w.inverses.word(i);
                total = addmod(total, h, order());
                uint256 term = mulmod(h, c.beta + w.columns.word(i), order()) + order() - 1;
                bracket = addmod(bracket, mulmod(w.powers.word(exponent + i), term, order()), order());
            }
            uint256 positions = c.point + 32 * s.logSamples;
            uint256 tuple = c.beta + _bits(positions, 8);
            if (p.tables != 0) tuple += mulmod(c.gamma, w.tables.word(0), order());
            tuple += mulmod(w.gamma2, _bits(positions + 256, w.n - 8) + order() - 1, order());
            uint256 last = w.inverses.word(limbs);
            tuple = mulmod(last, tuple, order()) + order() - w.multiplicities.word(0);
            bracket = addmod(bracket, mulmod(w.powers.word(exponent + limbs), tuple, order()), order());
            total = addmod(total, order() - last, order());
        }
    }

    /// @dev sum 2^i r_i over `count` variables.
    function _bits(uint256 r, uint256 count) private pure returns (uint256 sum) {
        unchecked {
            for (uint256 i = count; i > 0; i--) {
                sum = addmod(2 * sum, r.word(i - 1), order());
            }
        }
    }

    /* OPERATIONS */

    /// @dev Reads relations, linear ops and product ops, to the end of the program.
    function _operations(Program memory p, Point memory q, Samples memory k, Rows memory w, uint256 lambda)
        private
        pure
        returns (Operations memory o)
    {
        unchecked {
            o.lambda = w.powers.word(NetworkKinds.first(p));
            o.taken = NetworkMemory.words((p.end - p.operations) / LEAST + 1);
            uint256 at = p.operations;

            uint256 count = _number(at);
            at += 2;
            for (uint256 i = 0; i < count; i++) {
                at = _relation(p, q, k, o, _inside(p, at));
                o.lambda = mulmod(o.lambda, lambda, order());
            }
            count = _number(at);
            at += 2;
            uint256 odds = k.odds + 32 * (k.variables - p.logWeights);
            for (uint256 i = 0; i < count; i++) {
                at = _relation(p, q, k, o, _inside(p, at));
                at = _linearOp(p, q, k, o, odds, at);
                o.lambda = mulmod(o.lambda, lambda, order());
            }
            count = _number(at);
            at += 2;
            if ((count == 0) != (p.productEnd == 2)) revert INetworkVerifier.ProgramHeader();
            o.count = 0;
            for (uint256 i = 0; i < count; i++) {
                at = _productOp(p, q, o, w, _inside(p, at));
                o.lambda = mulmod(o.lambda, lambda, order());
            }
            if (at != p.end) revert INetworkVerifier.ProgramLength(p.end - p.start);
        }
    }

    function _number(uint256 at) private pure returns (uint256 count) {
        count = at.u16();
        if (count > MAX_OPERATIONS) revert INetworkVerifier.ProgramHeader();
    }

    /// @dev Where an operation begins the program has not ended.
    function _inside(Program memory p, uint256 at) private pure returns (uint256) {
        if (at >= p.end) revert INetworkVerifier.ProgramLength(p.end - p.start);
        return at;
    }

    /// @dev Accesses and terms: a relation, and what a linear op begins with.
    function _relation(Program memory p, Point memory q, Samples memory k, Operations memory o, uint256 at)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 sum;
            (sum,, at) = NetworkAccess.list(p, q, at);
            o.views = addmod(o.views, mulmod(o.lambda, sum, order()), order());
            (sum, at) = NetworkTerms.list(p, q, k, at, o.lambda);
            o.claim = addmod(o.claim, order() - mulmod(o.lambda, sum, order()), order());
        }
        return at;
    }

    /// @dev Segment, hats, public hats.
    function _linearOp(
        Program memory p,
        Point memory q,
        Samples memory k,
        Operations memory o,
        uint256 odds,
        uint256 at
    ) private pure returns (uint256) {
        unchecked {
            uint256 place = at;
            (uint256 from, uint256 to) = (at.u32(), (at + 4).u32());
            uint256 sum;
            uint256 count;
            q.single = true;
            (sum, count, at) = NetworkAccess.list(p, q, at + 8);
            q.single = false;
            bool valid = 2 <= from && from <= to && to <= p.weightEnd && (from == to) == (count == 0);
            if (!valid || (count != 0 && !NetworkMemory.claim(o.taken, o.count++, from, to))) {
                revert INetworkVerifier.ProgramSegment(place - p.start);
            }
            o.hats = addmod(o.hats, sum, order());
            if (count != 0) {
                sum = NetworkPoint.interval(1, from, to, odds);
                o.segments = addmod(o.segments, mulmod(o.lambda, sum, order()), order());
            }

            count = at.u8();
            at++;
            if (count == 0) return at;
            for (uint256 i = 0; i < count; i++) {
                if (at >= p.end) revert INetworkVerifier.ProgramLength(p.end - p.start);
                place = at;
                (sum, from, to, at) = NetworkTerms.hat(p, q, k, at);
                if (!NetworkMemory.claim(o.taken, o.count++, from, to)) {
                    revert INetworkVerifier.ProgramHat(place - p.start);
                }
                o.publicHats = addmod(o.publicHats, mulmod(o.lambda, sum, order()), order());
            }
        }
        return at;
    }

    function _productOp(Program memory p, Point memory q, Operations memory o, Rows memory w, uint256 at)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 sum;
            (sum,, at) = NetworkAccess.list(p, q, at);
            o.views = addmod(o.views, mulmod(o.lambda, sum, order()), order());
            (uint256 from, uint256 to) = (at.u32(), (at + 4).u32());
            bool valid = 2 <= from && from < to && to <= p.productEnd;
            if (!valid || !NetworkMemory.claim(o.taken, o.count++, from, to)) {
                revert INetworkVerifier.ProgramSegment(at - p.start);
            }
            sum = NetworkPoint.interval(1, from, to, w.odds);
            o.products = addmod(o.products, mulmod(o.lambda, sum, order()), order());
            q.single = true;
            (sum,, at) = NetworkAccess.list(p, q, at + 8);
            o.left = addmod(o.left, sum, order());
            (sum,, at) = NetworkAccess.list(p, q, at);
            q.single = false;
            o.right = addmod(o.right, sum, order());
        }
        return at;
    }

    /* PHI */

    /// @dev Accesses, and what meets hats and weights:
    /// sum Om view - Zlo G (ZB Y + ZBP) + Zlo l_Y ZT Y - MC YL YR + TL (l_L YL + l_R YR)
    function _linear(Program memory p, Shape memory s, Challenges memory c, Rows memory w, Operations memory o)
        private
        pure
        returns (uint256 phi)
    {
        unchecked {
            uint256 kappa = s.logSamples;
            uint256 samples = NetworkPrefix.zeros(c.point, kappa);
            uint256 odds = w.odds - 32 * kappa;
            // Accesses at all positions, by odds: what puts them back is a part of the factors of the sample.
            uint256 mu =
                mulmod(mulmod(NetworkPoint.interval(c.mu, 0, s.samples, odds), samples, order()), w.zeros, order());
            phi = mulmod(mu, o.views, order());
            uint256 link = o.lambda;

            uint256 y = w.hats.word(0);
            uint256 lo = s.variables - s.logWeights;
            // Zlo, and what puts the odds of positions of G back: all factors once, wherever the positions begin.
            uint256 zlo = mulmod(samples, w.zeros, order());
            uint256 theta = NetworkPoint.interval(c.theta, 2, p.weightEnd, odds + 32 * lo);
            uint256 g = mulmod(w.masks.word(3), mulmod(o.segments, y, order()) + o.publicHats, order());
            uint256 sum = mulmod(link, mulmod(theta, y, order()), order()) + order() - g;
            phi += mulmod(zlo, sum, order()) + mulmod(order() - mulmod(link, mu, order()), o.hats, order());
            phi %= order();
            if (s.products == 0) return phi;

            (uint256 left, uint256 right) = (w.hats.word(1), w.hats.word(2));
            phi += mulmod(order() - mulmod(mu, o.products, order()), mulmod(left, right, order()), order());
            uint256 psi = mulmod(NetworkPoint.interval(c.psi, 0, s.samples, odds), samples, order());
            psi = mulmod(psi, w.zeros, order());
            theta = NetworkPoint.interval(c.theta, 2, p.productEnd, w.odds);
            link = mulmod(link, c.lambda, order());
            // l_L psi (theta YL - left accesses), and the same for the right sides.
            sum = mulmod(link, mulmod(theta, left, order()) + order() - o.left, order());
            link = mulmod(link, c.lambda, order());
            sum += mulmod(link, mulmod(theta, right, order()) + order() - o.right, order());
            phi += mulmod(psi, sum, order());
            phi %= order();
        }
    }

    /// @dev sum_s Zlo_s E_s X_s
    function _ports(Program memory p, Shape memory s, Challenges memory c, Rows memory w)
        private
        pure
        returns (uint256 sum)
    {
        unchecked {
            if (s.committed == 0) return 0;
            uint256 index;
            for (uint256 i = 0; i < p.portCount; i++) {
                uint256 port = p.ports + 256 * i;
                if (port.word(0) & NetworkProgram.COMMITTED == 0) continue;
                uint256 value = mulmod(port.word(7), w.ports.word(index++), order());
                sum = addmod(sum, value, order());
            }
            // Zlo_s, and what puts the odds of E_s back, are all factors together.
            sum = mulmod(sum, mulmod(NetworkPrefix.zeros(c.point, s.logSamples), w.zeros, order()), order());
        }
    }

    /// @dev zeta (S_1 + I S_2 + I^2 S_3)
    function _masks(Shape memory s, Challenges memory c, Rows memory w) private pure returns (uint256) {
        unchecked {
            uint256 index = _bits(c.point, s.variables);
            uint256 mask = mulmod(index, w.masks.word(2), order()) + w.masks.word(1);
            mask = mulmod(index, mask, order()) + w.masks.word(0);
            return mulmod(c.zeta, mask, order());
        }
    }
}
