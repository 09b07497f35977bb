"""The verifier of N8, from bytes. Curve, hash and pairing are those of ../verifier.py, the verifier of the first half."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import summand  # noqa: E402
from encoding import decode  # noqa: E402
from field import R, inv, mle  # noqa: E402
from model import interpolate  # noqa: E402
from program import Shape, check_values, need  # noqa: E402
from verifier import G1, G2, Reader, g1_sum, keccak, pairings_are_one, tag, word  # noqa: E402
from verifier import Transcript as FirstTranscript  # noqa: E402

TAG_VK = keccak(b"zkinfer/native-vk/v2")


class Transcript(FirstTranscript):
    def __init__(self):
        self.st = keccak(b"zkinfer/native/v2")


class Table:
    """The pinned SRS table: g1, g2 by exponent of two, and its id."""


def columns_of(pr):
    """Names of the polynomials of each message, in order (N5)."""
    reads = [f"HX{j}" for j in range(1, pr.nr + 1)]
    fixed = ["Tout"] * (pr.F > 0) + ([f"addr{j}" for j in range(1, pr.nr + 1)] + ["mult"]) * (pr.nr > 0)
    first = pr.columns + ["m"]
    second = [f"H{i}" for i in range(pr.ell)] + ["HT"] + [f"J{i}" for i in range(pr.nj)] + reads + ["HV"] * (pr.nr > 0) + ["Y"]
    second += ["YL", "YR"] * bool(pr.products)
    values = first + second + ["S1", "S2", "S3", "G", "S0"] + fixed + ["X_" + s.name for s in pr.committed]
    return {"M1": first, "M2": second, "M4": values, "fixed": fixed}


def port_bytes(port, side):
    if port.committed:
        need(isinstance(side, bytes) and len(side) == 64, "V1: commitment")
        return side
    return b"".join(v.to_bytes(port.width, "big", signed=port.signed) for v in side)


def statement(pr, vkd, statements):
    """The two first absorbed messages (section 4, N5)."""
    N = len(statements)
    public = [b"".join(port_bytes(p, side) for p, side in zip(pr.ports, sides)) for _, _, sides in statements]
    ids = [keccak(tag("statement"), model, keccak(v), context) for (model, context, _), v in zip(statements, public)]
    sid = ids[0] if N == 1 else keccak(tag("batch"), word(N), *ids)
    values = b"".join(public)
    return vkd + word(N) + sid, word(len(values)) + values


def verify(vk, program, srs, statements, proof, without=()):
    """The challenges of a valid proof; raises Refused (program.py) or Invalid (../verifier.py) for any other.
    `without`: the Schnorr equations to drop ("D", "D_s"), for attack tests."""
    # V1
    pr = decode(program)
    key = Reader(vk)
    need(key.bytes(3) == b"\x00\x02\x00", "V1: version, flags")
    rho2 = key.int(1)
    need(rho2 == 0 or (1 << rho2 < pr.R and pr.nu + rho2 <= 28), "V1: levels")
    t = 1 + (rho2 > 0)
    need(key.bytes(32) == srs.id, "V1: SRS")
    C_f = key.point()
    need(key.bytes(32) == keccak(program), "V1: program")
    key.bytes(32)
    order = columns_of(pr)
    C = {n: key.point() for n in order["fixed"]}
    key.end()
    N = len(statements)
    sh = Shape(pr, N)
    l, h, lo = sh.l, sh.h, sh.lo
    need(len({s[0] for s in statements}) == 1 and all(len(s[2]) == len(pr.ports) for s in statements), "V1: statements")
    values = [{p.name: side for p, side in zip(pr.ports, s[2])} for s in statements]
    check_values(pr, values)
    reader, marks = Reader(proof), []
    mark = lambda: marks.append(reader.at)
    C |= {n: reader.point() for n in order["M1"]}
    mark()
    C |= {n: reader.point() for n in order["M2"] + ["S1", "S2", "S3", "S0"]}
    C_q = [reader.point() for _ in range(t)]
    D, A_D = reader.point(), reader.point()
    D_s = [(reader.point(), reader.point()) for _ in pr.committed]
    sigma = reader.scalar()
    mark()
    sent = []
    for _ in range(l):
        sent.append([reader.scalar() for _ in range(3)])
        mark()
    ev = {n: reader.scalar() for n in order["M4"]}
    mark()
    C_F = [None] + [reader.point() for _ in range(h - 1)]
    fin = [reader.scalar() for _ in range(8)]
    mark()
    fold = [(reader.scalar(), reader.scalar()) for _ in range(h)]
    mark()
    pi_1 = reader.point()
    mark()
    pi_2, zr = reader.point(), [reader.scalar() for _ in range(t + 2)]
    ze = [(reader.scalar(), reader.scalar()) for _ in pr.committed]
    mark()
    reader.end()

    # V2
    parts = iter([proof[a:b] for a, b in zip([0] + marks, marks)])
    tr = Transcript()
    for m in statement(pr, keccak(TAG_VK, vk), statements):
        tr.absorb(m)
    tr.absorb(next(parts))
    ch = {n: tr.challenge() for n in ("alpha", "beta", "gamma", "chi", "mu")}
    tr.absorb(next(parts))
    ch |= {n: tr.challenge() for n in ("lambda", "theta", "psi", "zeta", "c_D")}
    ch["xi"] = [tr.challenge() for _ in range(l)]
    r = []
    for _ in range(l):
        tr.absorb(next(parts))
        r.append(tr.challenge())
    later = []
    for _ in range(5):
        tr.absorb(next(parts))
        later.append(tr.challenge())
    rho, x, eta, z, delta = later
    need(x not in (0, 1, R - 1) and ch["alpha"] and ch["chi"] and ch["theta"], "V2")

    # V3, V4
    claim = (summand.public_claim(pr, sh, ch, values) + ch["zeta"] * sigma) % R
    for (e0, e2, e3), at in zip(sent, r):
        claim = interpolate([e0, claim - e0, e2, e3], at)
    at_r = summand.closed(pr, sh, ch, values, r)
    columns = {"Tout": 0, "mult": 0, **ev}
    need(summand.phi(pr, ch, summand.Weights(pr, ch["lambda"]), columns, at_r) == claim, "V4")

    # V5
    v, x2 = [None], x * x % R
    for (plus, minus), u in zip(fold, r):
        v.append(((1 - u) * (plus + minus) * inv(2) + u * (plus - minus) * inv(2 * x)) % R)
    need(v[h] == sum(c * pow(x2, i, R) for i, c in enumerate(fin)) % R, "V5a")
    need(mle(fin, r[h:]) == sum(pow(rho, j, R) * ev[n] for j, n in enumerate(order["M4"])) % R, "V5b")

    # V6
    levels = {"Y": lo, "G": lo, **{n: sh.kappa for n in order["fixed"]}, **{"X_" + s: lev for s, lev in sh.levels.items()}}
    za, zb, e = z - x2, z * z - x2, [pow(eta, i, R) for i in range(2 * h)]
    weight = {n: za * e[levels.get(n, 0)] * pow(rho, j, R) % R for j, n in enumerate(order["M4"])}
    vp, vm = (sum(e[i] * fold[i][side] for i in range(h)) for side in (0, 1))
    R_A = (vp + vm) * inv(2) + z * (vp - vm) * inv(2 * x)
    v_B = sum(e[h + i - 1] * v[i] for i in range(1, h))
    cG, roots, moduli = weight["G"], [ch["alpha"], pow(ch["alpha"], 1 << rho2, R)][:t], [pr.nu, pr.nu + rho2][:t]
    terms = [(weight[n], C[n]) for n in order["M4"] if n in C] + [(cG, C_f), (cG, D)] + [(cG * a, q) for a, q in zip(roots, C_q)]
    terms += [(za * e[i] + zb * e[h + i - 1], C_F[i]) for i in range(1, h)]
    terms += [(-(za * R_A + zb * v_B), G1), (-za * zb, pi_1), (z, pi_2)]
    tau = srs.g1[0]
    schnorr = lambda d, z0, z1, A, D: [(d * z0, G1), (d * z1, tau), (-d, A), (-d * ch["c_D"], D)]
    if "D" not in without:
        terms += schnorr(delta, zr[0], zr[1], A_D, D)
        for a, j, response in zip(roots, moduli, zr[2:]):
            terms += [(delta * response, srs.g1[j]), (-delta * response * a, G1)]
    for s, port in enumerate(pr.committed):
        c_s = weight["X_" + port.name]
        points = [Reader(values[k][port.name]).point() for k in range(N)]
        terms += [(c_s * pow(ch["mu"], k, R), p) for k, p in enumerate(points)] + [(c_s, D_s[s][0])]
        if "D_s" not in without:
            terms += schnorr(pow(delta, 2 + s, R), *ze[s], D_s[s][1], D_s[s][0])

    # V7
    pairs = [(g1_sum(terms), G2), (g1_sum([(-1, pi_2)]), srs.g2[0])]
    pairs += [(g1_sum([(-cG, q)]), srs.g2[j]) for q, j in zip(C_q, moduli)]
    need(pairings_are_one(pairs), "V7")
    return {"vkd": keccak(TAG_VK, vk), **ch, "r": r, "rho": rho, "x": x, "eta": eta, "z": z, "delta": delta}
