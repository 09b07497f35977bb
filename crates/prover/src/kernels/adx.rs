//! The multiplication of [`super::limbs`] with MULX, ADCX and ADOX: two chains of carries at a time, which portable code
//! cannot say.

use core::arch::asm;

use super::limbs::{Limbs, MINUS_INVERSE, Multiply, Q};

/// Shown by [`Adx::detect`] alone: whoever has it is on a machine with the instructions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Adx(());

impl Adx {
    /// `None` on machines without BMI2 or ADX.
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("bmi2") && is_x86_feature_detected!("adx")).then_some(Self(()))
    }
}

/// `t += a b[AT]`, the fifth word in `c`. The chain of OF adds low words, that of CF high ones.
macro_rules! step {
    ($at:literal) => {
        concat!(
            "xor eax, eax\n",
            concat!("mov rdx, qword ptr [{b} + ", $at, "]\n"),
            "mulx {c}, rax, {a0}\n adox {t0}, rax\n",
            "adcx {t1}, {c}\n mulx {c}, rax, {a1}\n adox {t1}, rax\n",
            "adcx {t2}, {c}\n mulx {c}, rax, {a2}\n adox {t2}, rax\n",
            "adcx {t3}, {c}\n mulx {c}, rax, {a3}\n adox {t3}, rax\n",
            "mov eax, 0\n adcx {c}, rax\n adox {c}, rax\n",
        )
    };
}

/// `t = (t + m q) / 2^64` with the `m` that makes it divisible; `t` has its fifth word in `c`.
macro_rules! reduce {
    () => {
        concat!(
            "mov rdx, {m}\n imul rdx, {t0}\n xor eax, eax\n",
            "mulx {h}, rax, qword ptr [{q}]\n adcx rax, {t0}\n mov {t0}, {h}\n",
            "adcx {t0}, {t1}\n mulx {t1}, rax, qword ptr [{q} + 8]\n adox {t0}, rax\n",
            "adcx {t1}, {t2}\n mulx {t2}, rax, qword ptr [{q} + 16]\n adox {t1}, rax\n",
            "adcx {t2}, {t3}\n mulx {t3}, rax, qword ptr [{q} + 24]\n adox {t2}, rax\n",
            "mov eax, 0\n adcx {t3}, rax\n adox {t3}, {c}\n",
        )
    };
}

impl Multiply for Adx {
    #[inline(always)]
    fn mul(self, a: &Limbs, b: &Limbs) -> Limbs {
        let (t0, t1, t2, t3): (u64, u64, u64, u64);
        // SAFETY: `self` shows that the instructions exist. They read four limbs of `b` and of `q`, and change registers
        // that are named and flags.
        unsafe {
            asm!(
                "xor eax, eax",
                "mov rdx, qword ptr [{b}]",
                "mulx {t1}, {t0}, {a0}",
                "mulx {t2}, rax, {a1}", "adox {t1}, rax",
                "mulx {t3}, rax, {a2}", "adox {t2}, rax",
                "mulx {c}, rax, {a3}", "adox {t3}, rax",
                "mov eax, 0", "adox {c}, rax",
                reduce!(),
                step!("8"), reduce!(),
                step!("16"), reduce!(),
                step!("24"), reduce!(),
                a0 = in(reg) a[0], a1 = in(reg) a[1], a2 = in(reg) a[2], a3 = in(reg) a[3],
                b = in(reg) b.as_ptr(), q = in(reg) Q.as_ptr(), m = const MINUS_INVERSE.cast_signed(),
                t0 = out(reg) t0, t1 = out(reg) t1, t2 = out(reg) t2, t3 = out(reg) t3,
                h = out(reg) _, c = out(reg) _, out("rax") _, out("rdx") _,
                options(pure, readonly, nostack),
            );
        }
        [t0, t1, t2, t3]
    }
}
