//! One-time codes (catalogue COD-01, COD-02).

use rand::{CryptoRng, RngExt};

/// A code to be sent: decimal digits. Cannot be printed, copied or serialised; wiped on drop.
pub struct Code {
    digits: [u8; Self::DIGITS],
}

impl Code {
    /// Eight digits for mail: 100,000 people times 5 guesses a day then pass 0.005 gates.
    pub const DIGITS: usize = 8;

    /// A uniformly random one (the range is drawn by rejection, not by a remainder).
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut digits = [0; Self::DIGITS];
        for digit in &mut digits {
            *digit = b'0' + rng.random_range(0..10_u8);
        }
        Self { digits }
    }

    /// Reads a code that was kept sealed.
    pub fn from_digits(digits: &[u8]) -> Option<Self> {
        let digits: [u8; Self::DIGITS] = digits.try_into().ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(Self { digits })
    }

    /// The digits, for the mail and for the keyed hash.
    pub fn expose(&self) -> &[u8; Self::DIGITS] {
        &self.digits
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        // Best effort without unsafe code: `black_box` keeps the compiler from dropping it.
        self.digits = [0; Self::DIGITS];
        std::hint::black_box(&self.digits);
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn codes_have_eight_digits_and_every_digit_comes_equally_often() {
        let mut rng = StdRng::seed_from_u64(11);
        let mut seen = [[0_u32; 10]; Code::DIGITS];
        for _ in 0..100_000 {
            let code = Code::random(&mut rng);
            for (place, digit) in code.expose().iter().enumerate() {
                seen[place][usize::from(digit - b'0')] += 1;
            }
        }
        for counts in seen {
            let chi_square: f64 =
                counts.iter().map(|&n| (f64::from(n) - 10_000.0).powi(2) / 10_000.0).sum();
            // 9 degrees of freedom, p = 0.0001.
            assert!(chi_square < 33.7, "chi-square {chi_square}");
        }
    }
}
