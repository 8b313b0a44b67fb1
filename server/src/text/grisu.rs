//! The decimal digits Redis 7.2 and later print for a double: Grisu2, which is almost always the shortest form and not always.
//! It must not know how the digits are laid out.
//!
//! The algorithm is Florian Loitsch's ("Printing Floating-Point Numbers Quickly and Accurately with Integers", 2010). An exact
//! shortest printer will not do: Grisu2 gives other digits for about one random double in a thousand, and those are Redis's.

/// At most 18 significant digits, the first not zero, and the power of ten of the last: the value is `digits × 10^exponent`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal {
    digits: [u8; DIGITS_MAX],
    len: usize,
    /// Power of ten of the last digit.
    pub(super) exponent: i32,
}

impl Decimal {
    /// The digits in ASCII.
    pub(super) fn digits(&self) -> &[u8] {
        &self.digits[..self.len]
    }

    fn push(&mut self, digit: u64) {
        // A leading zero is no significant digit.
        if digit != 0 || self.len != 0 {
            self.digits[self.len] = b'0' + digit as u8;
            self.len += 1;
        }
    }

    /// Lowers the last digit for as long as that brings the printed number nearer to the value.
    ///
    /// All distances are in the unit of the last digit's scale: `rest` from the printed number to the upper bound, `target` from
    /// the value to the upper bound, `delta` the width of the interval that reads back as the value, `unit` one last digit.
    fn round(&mut self, delta: u64, mut rest: u64, unit: u64, target: u64) {
        while rest < target
            && delta - rest >= unit
            && (rest + unit < target || target - rest > rest + unit - target)
        {
            self.digits[self.len - 1] -= 1;
            rest += unit;
        }
    }
}

/// Digits for a finite `value` other than zero; its sign is left aside.
pub(super) fn digits(value: f64) -> Decimal {
    let value = Float::from(value.abs());
    let (lower, upper) = value.boundaries();
    let (power, exponent) = cached_power(upper.exponent);
    let middle = value.normalized().times(power);
    let mut lower = lower.times(power);
    let mut upper = upper.times(power);
    // The products are off by less than one unit, so the interval is made that much smaller on both sides.
    lower.mantissa += 1;
    upper.mantissa -= 1;
    generate(middle, lower, upper, -exponent)
}

const DIGITS_MAX: usize = 18;

/// Digit generation: cuts digits off the upper bound until what remains is inside the interval.
fn generate(value: Float, lower: Float, upper: Float, exponent: i32) -> Decimal {
    let mut decimal = Decimal {
        digits: [0; DIGITS_MAX],
        len: 0,
        exponent,
    };
    let target = upper.mantissa - value.mantissa;
    let mut delta = upper.mantissa - lower.mantissa;
    // The scaled numbers are fixed-point, with this many bits behind the point.
    let point = upper.exponent.unsigned_abs();
    let one = 1_u64 << point;
    let mut integral = upper.mantissa >> point;
    let mut fraction = upper.mantissa & (one - 1);

    let mut divisor = 1_000_000_000_u64;
    for kappa in (0..10).rev() {
        decimal.push(integral / divisor);
        integral %= divisor;
        let rest = (integral << point) + fraction;
        if rest <= delta {
            decimal.exponent += kappa;
            decimal.round(delta, rest, divisor << point, target);
            return decimal;
        }
        divisor /= 10;
    }
    let mut unit = 1_u64;
    loop {
        fraction *= 10;
        delta *= 10;
        unit *= 10;
        decimal.exponent -= 1;
        decimal.push(fraction >> point);
        fraction &= one - 1;
        if fraction < delta {
            decimal.round(delta, fraction, one, target * unit);
            return decimal;
        }
    }
}

/// `mantissa × 2^exponent`.
#[derive(Clone, Copy)]
struct Float {
    mantissa: u64,
    exponent: i32,
}

const FRACTION_BITS: u32 = 52;
const HIDDEN_BIT: u64 = 1 << FRACTION_BITS;

impl From<f64> for Float {
    fn from(value: f64) -> Float {
        let bits = value.to_bits();
        let fraction = bits & (HIDDEN_BIT - 1);
        match (bits >> FRACTION_BITS) as i32 & 0x7ff {
            0 => Float {
                mantissa: fraction,
                exponent: -1074,
            },
            biased => Float {
                mantissa: fraction | HIDDEN_BIT,
                exponent: biased - 1075,
            },
        }
    }
}

impl Float {
    fn normalized(self) -> Float {
        let shift = self.mantissa.leading_zeros();
        Float {
            mantissa: self.mantissa << shift,
            exponent: self.exponent - shift as i32,
        }
    }

    /// Halfway to the neighbours below and above, with the upper one's normalized exponent.
    fn boundaries(self) -> (Float, Float) {
        let upper = Float {
            mantissa: (self.mantissa << 1) + 1,
            exponent: self.exponent - 1,
        }
        .normalized();
        // Below a power of two the neighbours lie twice as close.
        let shift = if self.mantissa == HIDDEN_BIT { 2 } else { 1 };
        let lower = (self.mantissa << shift) - 1;
        let lower = lower << (self.exponent - shift - upper.exponent);
        (
            Float {
                mantissa: lower,
                exponent: upper.exponent,
            },
            upper,
        )
    }

    /// The upper 64 bits of the product, rounded.
    fn times(self, other: Float) -> Float {
        let product = u128::from(self.mantissa) * u128::from(other.mantissa) + (1 << 63);
        Float {
            mantissa: (product >> 64) as u64,
            exponent: self.exponent + other.exponent + 64,
        }
    }
}

const POWER_FIRST: i32 = -348;
const POWER_STEP: i32 = 8;

/// A power of ten that brings a number of this binary exponent to one between -60 and -32, and its decimal exponent.
fn cached_power(exponent: i32) -> (Float, i32) {
    const LOG10_OF_2: f64 = 0.301_029_995_663_981_14;
    // The estimate is part of the result: where two powers fit, it decides which is taken.
    let estimate = (-f64::from(exponent + POWERS.len() as i32) * LOG10_OF_2) as i32;
    let mut index = (estimate - POWER_FIRST) / POWER_STEP;
    loop {
        let decimal_exponent = POWER_FIRST + index * POWER_STEP;
        let power = Float {
            mantissa: POWERS[index as usize],
            // log2(10) as a 16-bit fraction is exact enough for every power of the table.
            exponent: ((decimal_exponent * 217_706) >> 16) - 63,
        };
        match exponent + power.exponent + 64 {
            ..-60 => index += 1,
            -60..=-32 => return (power, decimal_exponent),
            _ => index -= 1,
        }
    }
}

/// 10^-348, 10^-340 … 10^340: the upper 64 bits of each, rounded.
#[rustfmt::skip]
const POWERS: [u64; 87] = [
    0xfa8f_d5a0_081c_0288, 0xbaae_e17f_a23e_bf76, 0x8b16_fb20_3055_ac76, 0xcf42_894a_5dce_35ea,
    0x9a6b_b0aa_5565_3b2d, 0xe61a_cf03_3d1a_45df, 0xab70_fe17_c79a_c6ca, 0xff77_b1fc_bebc_dc4f,
    0xbe56_91ef_416b_d60c, 0x8dd0_1fad_907f_fc3c, 0xd351_5c28_3155_9a83, 0x9d71_ac8f_ada6_c9b5,
    0xea9c_2277_23ee_8bcb, 0xaecc_4991_4078_536d, 0x823c_1279_5db6_ce57, 0xc210_9436_4dfb_5637,
    0x9096_ea6f_3848_984f, 0xd774_85cb_2582_3ac7, 0xa086_cfcd_97bf_97f4, 0xef34_0a98_172a_ace5,
    0xb238_67fb_2a35_b28e, 0x84c8_d4df_d2c6_3f3b, 0xc5dd_4427_1ad3_cdba, 0x936b_9fce_bb25_c996,
    0xdbac_6c24_7d62_a584, 0xa3ab_6658_0d5f_daf6, 0xf3e2_f893_dec3_f126, 0xb5b5_ada8_aaff_80b8,
    0x8762_5f05_6c7c_4a8b, 0xc9bc_ff60_34c1_3053, 0x964e_858c_91ba_2655, 0xdff9_7724_7029_7ebd,
    0xa6df_bd9f_b8e5_b88f, 0xf8a9_5fcf_8874_7d94, 0xb944_7093_8fa8_9bcf, 0x8a08_f0f8_bf0f_156b,
    0xcdb0_2555_6531_31b6, 0x993f_e2c6_d07b_7fac, 0xe45c_10c4_2a2b_3b06, 0xaa24_2499_6973_92d3,
    0xfd87_b5f2_8300_ca0e, 0xbce5_0864_9211_1aeb, 0x8cbc_cc09_6f50_88cc, 0xd1b7_1758_e219_652c,
    0x9c40_0000_0000_0000, 0xe8d4_a510_0000_0000, 0xad78_ebc5_ac62_0000, 0x813f_3978_f894_0984,
    0xc097_ce7b_c907_15b3, 0x8f7e_32ce_7bea_5c70, 0xd5d2_38a4_abe9_8068, 0x9f4f_2726_179a_2245,
    0xed63_a231_d4c4_fb27, 0xb0de_6538_8cc8_ada8, 0x83c7_088e_1aab_65db, 0xc45d_1df9_4271_1d9a,
    0x924d_692c_a61b_e758, 0xda01_ee64_1a70_8dea, 0xa26d_a399_9aef_774a, 0xf209_787b_b47d_6b85,
    0xb454_e4a1_79dd_1877, 0x865b_8692_5b9b_c5c2, 0xc835_53c5_c896_5d3d, 0x952a_b45c_fa97_a0b3,
    0xde46_9fbd_99a0_5fe3, 0xa59b_c234_db39_8c25, 0xf6c6_9a72_a398_9f5c, 0xb7dc_bf53_54e9_bece,
    0x88fc_f317_f222_41e2, 0xcc20_ce9b_d35c_78a5, 0x9816_5af3_7b21_53df, 0xe2a0_b5dc_971f_303a,
    0xa8d9_d153_5ce3_b396, 0xfb9b_7cd9_a4a7_443c, 0xbb76_4c4c_a7a4_4410, 0x8bab_8eef_b640_9c1a,
    0xd01f_ef10_a657_842c, 0x9b10_a4e5_e991_3129, 0xe710_9bfb_a19c_0c9d, 0xac28_20d9_623b_f429,
    0x8044_4b5e_7aa7_cf85, 0xbf21_e440_03ac_dd2d, 0x8e67_9c2f_5e44_ff8f, 0xd433_179d_9c8c_b841,
    0x9e19_db92_b4e3_1ba9, 0xeb96_bf6e_badf_77d9, 0xaf87_023b_9bf0_ee6b,
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn digits_are_those_of_grisu2_not_always_the_shortest() {
        for (value, digits_expected, exponent) in [
            (1.0, "1", 0),
            (0.1, "1", -1),
            (1e23, "9999999999999999", 7),
            (5e-324, "5", -324),
            (f64::MIN_POSITIVE, "22250738585072014", -324),
            (f64::MAX, "17976931348623157", 292),
            (123_456_789.123_456_79, "12345678912345679", -8),
        ] {
            let decimal = digits(value);
            let text = std::str::from_utf8(decimal.digits()).expect("digits are ASCII");
            assert_eq!(
                (text, decimal.exponent),
                (digits_expected, exponent),
                "{value:e}"
            );
        }
    }

    proptest! {
        #[test]
        fn digits_read_back_as_the_value(bits: u64) {
            let value = f64::from_bits(bits).abs();
            prop_assume!(value.is_finite() && value != 0.0);
            let decimal = digits(value);
            let text = format!("{}e{}", String::from_utf8_lossy(decimal.digits()), decimal.exponent);
            prop_assert_eq!(text.parse(), Ok(value));
        }
    }
}
