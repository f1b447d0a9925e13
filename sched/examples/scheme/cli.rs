//! What the command lines of the examples have in common.

use barrier_arch::Spacing;
use barrier_arch::host::Unsupported;
use clap::ValueEnum;

/// Where the collector puts stack barriers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Barriers {
    /// None: the collector scans the whole stack twice
    Off,
    /// At doubling distances
    On,
    /// At every frame, to find mistakes
    EveryFrame,
}

impl Barriers {
    /// As the runtime wants it.
    pub fn spacing(self) -> Spacing {
        match self {
            Barriers::Off => Spacing::Off,
            Barriers::On => Spacing::default(),
            Barriers::EveryFrame => Spacing::EveryFrame,
        }
    }

    /// Whether the host can do what was asked for: `support` is what the runtime says of it.
    ///
    /// # Errors
    ///
    /// If barriers were asked for and return addresses cannot be patched.
    pub fn on_host(self, support: Result<(), Unsupported>) -> Result<(), Unsupported> {
        if self == Barriers::Off { Ok(()) } else { support }
    }

    /// As it is written on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Barriers::Off => "off",
            Barriers::On => "on",
            Barriers::EveryFrame => "every-frame",
        }
    }
}

/// Where the frames of compiled code lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Stacks {
    /// All of a stack's address space is reserved when a task starts
    #[default]
    Reserve,
    /// A stack starts with 4 KiB, and is copied to a larger or smaller one as it is used
    Copy,
}

/// A size with an optional suffix.
pub fn bytes(text: &str) -> Result<usize, String> {
    let (digits, shift) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 10),
        Some((at, 'm' | 'M')) => (&text[..at], 20),
        Some((at, 'g' | 'G')) => (&text[..at], 30),
        _ => (text, 0),
    };
    let number: usize =
        digits.parse().map_err(|_| "not a number of bytes; write 4096, 64K, 16M or 1G".to_owned())?;
    let size = number.checked_mul(1 << shift).filter(|size| *size > 0);
    size.ok_or_else(|| "the size must be more than 0 and fit the address space".to_owned())
}

/// How many of something that cannot do without.
pub fn count(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "not a number from 1 on".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Barriers, bytes, count};
    use barrier_arch::host::{Evidence, Unsupported};

    #[test]
    fn sizes_have_suffixes() {
        assert_eq!(bytes("4096"), Ok(4096));
        assert_eq!(bytes("64K"), Ok(64 << 10));
        assert_eq!(bytes("16m"), Ok(16 << 20));
        assert_eq!(bytes("1G"), Ok(1 << 30));
        for bad in ["", "G", "1.5G", "-1", "0", "99999999999G", "12Q"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn counts_begin_with_one() {
        assert_eq!((count("1"), count("12")), (Ok(1), Ok(12)));
        for bad in ["", "0", "-1", "1.5", "x", "99999999999999999999999"] {
            assert!(count(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_host_with_shadow_stacks_runs_programs_without_barriers_only() {
        let shadow = Err(Unsupported::ShadowStack(Evidence::Status(1)));
        assert_eq!(Barriers::Off.on_host(shadow), Ok(()));
        for barriers in [Barriers::On, Barriers::EveryFrame] {
            assert_eq!(barriers.on_host(Ok(())), Ok(()));
            assert_eq!(barriers.on_host(shadow), shadow);
        }
    }
}
