//! The three modes by name, for tests that run their own executable in each: under a debugger, under perf, to its death.

use barrier_arch::Spacing;

/// The names, in the order of [`MODES`](crate::MODES).
pub const NAMES: [&str; 3] = ["off", "exponential", "every frame"];

/// The mode of this name.
pub fn named(name: &str) -> Option<Spacing> {
    NAMES.into_iter().zip(crate::MODES).find(|(known, _)| *known == name).map(|(_, spacing)| spacing)
}

/// The mode whose name an environment variable gives; `None` if there is no such variable: nobody has run this process to be looked at.
///
/// # Panics
///
/// If it is no mode's name.
pub fn from_environment(variable: &str) -> Option<Spacing> {
    let name = std::env::var(variable).ok()?;
    Some(named(&name).unwrap_or_else(|| panic!("{variable}={name} is none of {NAMES:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_of_its_own_mode() {
        assert_eq!(NAMES.map(named), crate::MODES.map(Some));
        assert_eq!(named("exponentially"), None);
    }
}
