"""A whole proof in bytes, by a prover that knows tau (so a commitment is one multiplication): for testing verifiers, never for use."""

import random

import summand
from encoding import encode, fixed_bytes
from field import R, geo, inv, mle
from model import rounds
from opening import add, evaluate, prove as fold_all
from program import Shape
from protocol import G1, G2, TAG_VK, Table, Transcript, columns_of, g1_sum, keccak, statement, tag, word
from verifier import g2_times, point_bytes
from witness import activations, fixed_columns, messages, multiplicities


TEST_TAU = int.from_bytes(keccak(b"zkinfer TEST SRS: never use in production"), "big") % R  # public: anybody can forge under it


class Prover:
    def __init__(self, circuit, seed=1, rho2=0):
        self.rho2 = rho2  # levels of f: 0 is one level
        self.c, self.pr, self.rng = circuit, circuit.pr, random.Random(seed)
        self.tau = TEST_TAU
        self.sh = Shape(self.pr, circuit.N)

    def rand(self):
        return self.rng.randrange(1, R)

    def point(self, scalar):
        return point_bytes(g1_sum([(scalar, G1)]))

    def table(self):
        """The SRS points that a verifier of this program needs."""
        t = Table()
        t.g1 = {j: g1_sum([(pow(self.tau, 1 << j, R), G1)]) for j in self.exponents()}
        t.g2 = {j: g2_times(pow(self.tau, 1 << j, R), G2) for j in self.exponents()}
        t.id = keccak(tag("srs"), point_bytes(t.g1[0]), *(word(t.g2[0][i][j]) for i in (0, 1) for j in (1, 0)))
        return t

    def exponents(self):
        return sorted({0, self.pr.nu, self.pr.nu + self.rho2})

    def setup(self):
        """f, its commitment and the key."""
        pr, b = self.pr, 1 << self.pr.nu
        self.omega = self.rand()
        self.f = (self.omega + sum(v * pow(self.tau, b * i + q, R) for (i, q), v in self.c.weights.items())) % R
        fixed = fixed_columns(pr)
        self.fixed = {k: v for k, v in fixed.items() if k in columns_of(pr)["fixed"]}
        self.srs = self.table()
        key = bytes([0, 2, 0, self.rho2]) + self.srs.id + self.point(self.f) + keccak(encode(pr)) + keccak(fixed_bytes(pr))
        return key + b"".join(self.point(evaluate(self.fixed[k], self.tau)) for k in columns_of(pr)["fixed"])

    def prove(self, other=None, moved=0):
        """(vk, program, table, statements, proof). Malicious: `other` are the weights that are proven in place of the model's; `moved`
        is added to every first element of the committed ports in the statement. D and D_s make up for both."""
        pr, sh, tau, c = self.pr, self.sh, self.tau, self.c
        vk, order = self.setup(), columns_of(pr)
        weights, c.weights = c.weights, other or c.weights
        w = activations(c)
        blinding = {s.name: [self.rand() for _ in range(sh.N)] for s in pr.committed}
        statements = []
        for k in range(sh.N):
            sides = []
            for p in pr.ports:
                v = c.values[k][p.name]
                if p.committed:
                    sides.append(self.point(blinding[p.name][k] + sum(e * pow(tau, 2 + i, R) for i, e in enumerate(v)) + moved * tau**2))
                else:
                    sides.append(list(v))
            statements.append((keccak(b"model"), keccak(b"context", bytes([k])), sides))
        tr, proof, h, b = Transcript(), b"", sh.h, 1 << pr.nu

        def send(data):
            nonlocal proof
            proof += data
            tr.absorb(data)

        for m in statement(pr, keccak(TAG_VK, vk), statements):
            tr.absorb(m)
        first = {n: (self.rand(), self.rand()) for n in order["M1"]}
        m = multiplicities(pr, sh, w)
        table = lambda n: m if n == "m" else w.col[n]
        send(b"".join(self.point(evaluate(list(first[n]) + table(n)[2:], tau)) for n in order["M1"]))
        ch = {n: tr.challenge() for n in ("alpha", "beta", "gamma", "chi", "mu")}
        col, shorts = messages(c, w, {**ch, "theta": 1}, self.rand)
        for n, cells in first.items():
            col[n][:2] = cells
        polys = {n: (sh.lo, shorts[n][1]) if n == "Y" else (0, col[n]) for n in order["M1"] + order["M2"] + ["S1", "S2", "S3", "S0"]}
        G, alpha = shorts["G"][1], ch["alpha"]
        blocks = [1] + ([1 << self.rho2] if self.rho2 else [])  # moduli X^b - alpha, X^D - alpha^R2
        moduli = [(pow(tau, b * k, R) - pow(alpha, k, R)) % R for k in blocks]
        R2 = blocks[-1] if self.rho2 else 1 << 30
        parts = lambda x, y: self.omega + sum(v * x(i) * y(i) * pow(tau, q, R) for (i, q), v in weights.items())  # f, reduced
        middle = parts(lambda i: pow(alpha, i // R2 * R2, R), lambda i: pow(tau, b * (i % R2), R))
        g = parts(lambda i: pow(alpha, i, R), lambda i: 1)
        blinds = [self.rand() for _ in blocks]
        quotients = [(middle - g) * inv(moduli[0]) + blinds[0]]
        quotients += [(self.f - middle) * inv(m) + s for m, s in zip(moduli[1:], blinds[1:])]
        blind = lambda x: (x[0] + x[1] * tau + sum(y * m for y, m in zip(x[2:], moduli))) % R
        secrets, nonces = [[(G[0] - self.omega) % R, G[1], *blinds]], [[self.rand() for _ in range(2 + len(blocks))]]
        for s in pr.committed:
            X = shorts["X_" + s.name][1]
            secrets.append([(X[0] - sum(pow(ch["mu"], k, R) * blinding[s.name][k] for k in range(sh.N))) % R, X[1]])
            nonces.append([self.rand() for _ in range(2)])
        sigma = sum(col["S1"][a] + a * col["S2"][a] + a * a * col["S3"][a] for a in range(sh.n)) % R
        commit = lambda n: self.point(evaluate(polys[n][1], tau))
        sent = b"".join(map(commit, order["M2"] + ["S1", "S2", "S3", "S0"])) + b"".join(map(self.point, quotients))
        D = [(evaluate(G, tau) - self.f + sum(m * v for m, v in zip(moduli, quotients))) % R]  # [G] = C_f + D - sum of modulus * quotient
        D += [(blind(x) - moved * tau**2 * geo(ch["mu"], sh.N)) % R for x in secrets[1:]]
        assert other or moved or D == [blind(x) for x in secrets]
        send(sent + b"".join(self.point(x) + self.point(blind(y)) for x, y in zip(D, nonces)) + word(sigma))
        ch |= {n: tr.challenge() for n in ("lambda", "theta", "psi", "zeta", "c_D")}
        ch["xi"] = [tr.challenge() for _ in range(sh.l)]
        lam, public = summand.Weights(pr, ch["lambda"]), summand.dense(pr, sh, ch, c.values)
        claim = (summand.public_claim(pr, sh, ch, c.values) + ch["zeta"] * sigma) % R

        def round_(e):
            send(word(e[0]) + word(e[2]) + word(e[3]))
            return tr.challenge()

        r, last, _ = rounds(pr, ch, lam, col, public, claim, round_)
        assert last is not None, "a round is not consistent"
        polys |= {"G": (sh.lo, G)} | {n: (sh.kappa, t + [0] * ((sh.n >> sh.kappa) - len(t))) for n, t in self.fixed.items()}
        polys |= {"X_" + s.name: shorts["X_" + s.name] for s in pr.committed}
        listed = [polys[n] for n in order["M4"]]
        send(b"".join(word(mle(t, r[level:])) for level, t in listed))
        rho = tr.challenge()
        folds = fold_all(sh.l, listed, r, rho)
        send(b"".join(self.point(evaluate(F, tau)) for F in folds[:-1]) + b"".join(map(word, folds[-1])))
        x = tr.challenge()
        P = [[]] + folds[:-1]
        for j, (level, t) in enumerate(listed):
            P[level] = add(P[level], [pow(rho, j, R) * v % R for v in t])
        send(b"".join(word(evaluate(p, at)) for p in P for at in (x, -x % R)))
        eta = tr.challenge()
        A = lambda at: sum(pow(eta, i, R) * evaluate(p, at) for i, p in enumerate(P)) % R
        B = lambda at: sum(pow(eta, h + i - 1, R) * evaluate(folds[i - 1], at) for i in range(1, h)) % R
        vp, vm, vB, x2 = A(x), A(-x % R), B(x * x % R), x * x % R
        line = lambda at: ((vp + vm) * inv(2) + at * (vp - vm) * inv(2 * x)) % R
        p1 = ((A(tau) - line(tau)) * inv(tau * tau - x2) + (B(tau) - vB) * inv(tau - x2)) % R
        send(self.point(p1))
        z = tr.challenge()
        za, zb = z - x2, z * z - x2
        p2 = (za * (A(tau) - line(z)) + zb * (B(tau) - vB) - za * zb * p1) * inv(tau - z) % R
        answers = b"".join(word((a + ch["c_D"] * s) % R) for ss, aa in zip(secrets, nonces) for s, a in zip(ss, aa))
        send(self.point(p2) + answers)
        return vk, encode(pr), self.srs, statements, proof


