//! Real returns through real barriers: every class of result register, every depth, in all three modes.

mod support;

use barrier_arch::{Spacing, StkbarSlice};
use std::hint::black_box;
use support::target::{Vector, floats, vector};
use support::{MODES, TestStack, install_here};

/// Installs barriers at the bottom of `depth` frames of a function that returns `$make(depth)`.
macro_rules! returns {
    ($name:ident, $type:ty, $make:expr) => {
        #[test]
        fn $name() {
            #[inline(never)]
            fn recurse(depth: u64, bars: &StkbarSlice, spacing: Spacing) -> $type {
                if depth == 0 {
                    install_here(bars, spacing);
                    return $make(0);
                }
                let below: $type = recurse(black_box(depth - 1), bars, spacing);
                assert!(below == $make(depth - 1), "a result was damaged at depth {depth}");
                black_box($make(depth))
            }
            for spacing in MODES {
                let stack = TestStack::new(1 << 17, spacing);
                for depth in 0..=64 {
                    let result = stack.run(|bars| recurse(depth, bars, spacing));
                    assert!(result == $make(depth), "{spacing:?} {depth}");
                }
            }
        }
    };
}

#[derive(PartialEq, Clone, Copy)]
#[repr(C)]
struct ByReference([u64; 9]);

#[derive(PartialEq, Clone, Copy)]
#[repr(C)]
struct Mixed(u64, f64);

returns!(unit, (), |_| ());
returns!(boolean, bool, |d: u64| d.is_multiple_of(2));
returns!(byte, u8, |d: u64| d as u8 ^ 0x5a);
returns!(word, u64, |d: u64| d.wrapping_mul(0x9e37_79b9_7f4a_7c15));
returns!(pair, (u64, u64), |d: u64| (d, !d));
returns!(wide, u128, |d: u64| u128::from(d) << 64 | u128::from(!d));
returns!(optional_wide, Option<u128>, |d: u64| (!d.is_multiple_of(3)).then_some(u128::from(d) << 70));
returns!(float, f32, |d: u64| d as f32 * 0.5);
returns!(double, f64, |d: u64| d as f64 * 0.25);
returns!(two_doubles, (f64, f64), |d: u64| (d as f64, -(d as f64)));
returns!(integer_and_double, (u64, f64), |d: u64| (d, d as f64 / 3.0));
returns!(by_reference, ByReference, |d: u64| ByReference([d; 9]));
returns!(slice, &'static str, |d: u64| ["zero", "one", "two"][(d % 3) as usize]);

macro_rules! c_returns {
    ($name:ident, $type:ty, $make:expr) => {
        #[test]
        fn $name() {
            #[inline(never)]
            extern "C" fn recurse(depth: u64, bars: &StkbarSlice, every: bool) -> $type {
                let spacing = if every { Spacing::EveryFrame } else { Spacing::default() };
                if depth == 0 {
                    install_here(bars, spacing);
                    return $make(0);
                }
                let below: $type = recurse(black_box(depth - 1), bars, every);
                assert!(below == $make(depth - 1), "a result was damaged at depth {depth}");
                black_box($make(depth))
            }
            for every in [false, true] {
                let spacing = if every { Spacing::EveryFrame } else { Spacing::default() };
                let stack = TestStack::new(1 << 17, spacing);
                for depth in 0..=64 {
                    assert!(stack.run(|bars| recurse(depth, bars, every)) == $make(depth));
                }
            }
        }
    };
}

c_returns!(c_word, u64, |d: u64| d.wrapping_mul(0x9e37_79b9_7f4a_7c15));
c_returns!(c_double, f64, |d: u64| d as f64 * 0.25);
c_returns!(c_mixed, Mixed, |d: u64| Mixed(d, d as f64));
c_returns!(c_by_reference, ByReference, |d: u64| ByReference([!d; 9]));

#[derive(Clone, Copy)]
struct Floats(Vector);

impl PartialEq for Floats {
    fn eq(&self, other: &Floats) -> bool {
        floats(self.0) == floats(other.0)
    }
}

returns!(in_a_vector, Floats, |d: u64| Floats(vector([d as f32, 1.0, 2.0, 3.0])));

#[test]
fn barriers_are_really_there_and_really_hit() {
    #[inline(never)]
    fn recurse(depth: u64, bars: &StkbarSlice, spacing: Spacing, seen: &mut Vec<(usize, usize)>) -> u64 {
        if depth == 0 {
            install_here(bars, spacing);
        } else {
            recurse(black_box(depth - 1), bars, spacing, seen);
        }
        seen.push(bars.state());
        black_box(depth)
    }
    for spacing in MODES {
        let stack = TestStack::new(1 << 17, spacing);
        let mut seen = Vec::new();
        stack.run(|bars| recurse(200, bars, spacing, &mut seen));
        let installed = seen[0].1;
        match spacing {
            Spacing::Off => assert_eq!(installed, 0),
            Spacing::Exponential { .. } => assert!((3..=8).contains(&installed), "{installed}"),
            Spacing::EveryFrame => assert!(installed > 200, "{installed}"),
        }
        assert!(seen.windows(2).all(|w| w[0].0 <= w[1].0 && w[0].1 == w[1].1), "the position only grows");
        let last = seen.last().unwrap();
        assert_eq!(
            last.0 < last.1,
            spacing == Spacing::EveryFrame,
            "only frames outside of `recurse` remain"
        );
        if spacing == Spacing::EveryFrame {
            assert!(seen.windows(2).all(|w| w[0].0 < w[1].0), "one hit per return");
        }
    }
}

#[cfg(target_arch = "x86_64")]
/// ymm registers are caller-saved, but `gcc -fipa-ra` and Rust's own convention may return in them.
#[test]
fn upper_halves_of_vector_registers_survive() {
    if !std::is_x86_feature_detected!("avx") {
        return;
    }
    use std::arch::x86_64::{__m256, _mm256_add_ps, _mm256_set1_ps};
    #[inline(never)]
    #[target_feature(enable = "avx")]
    fn recurse(depth: u64, bars: &StkbarSlice, spacing: Spacing) -> __m256 {
        if depth == 0 {
            assert_eq!(install_here(bars, spacing) > 0, spacing != Spacing::Off);
            return _mm256_set1_ps(1.0);
        }
        _mm256_add_ps(recurse(black_box(depth - 1), bars, spacing), _mm256_set1_ps(1.0))
    }
    for spacing in MODES {
        let stack = TestStack::new(1 << 17, spacing);
        let sum: [f32; 8] = stack.run(|bars| {
            let mut out = [0.0; 8];
            // SAFETY: the processor has AVX; eight floats fit.
            unsafe { std::arch::x86_64::_mm256_storeu_ps(out.as_mut_ptr(), recurse(64, bars, spacing)) };
            out
        });
        assert_eq!(sum, [65.0; 8]);
    }
}
