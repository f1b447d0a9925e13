//! Names that macros bring along.
//!
//! An alias is written as the name it stands for, a mark, and a number that no other alias has. It is a name like any other: a form
//! of the expansion may bind it. If none does, it means what the name means where the macro was defined.

use std::rc::Rc;

/// A character that is none, so that no text has it.
const MARK: char = '\u{fdd0}';

/// Where a macro was defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// In the language itself: its names mean the original things, whatever a program redefines.
    Language,
    /// In a program, inside of so many scopes that are open still: 0 at top level.
    Scope(u32),
}

/// All aliases of an expansion.
#[derive(Debug, Default)]
pub struct Aliases(Vec<(Rc<str>, Home)>);

impl Aliases {
    /// A new alias for `name`.
    pub fn add(&mut self, name: &Rc<str>, home: Home) -> Rc<str> {
        self.0.push((name.clone(), home));
        format!("{}{MARK}{}", base_name(name), self.0.len() - 1).into()
    }

    /// What `name` stands for, and where, if it is an alias.
    pub fn of(&self, name: &str) -> Option<&(Rc<str>, Home)> {
        let (_, number) = name.rsplit_once(MARK)?;
        self.0.get(number.parse::<usize>().ok()?)
    }
}

/// The name as it was written.
pub fn base_name(name: &str) -> &str {
    name.split_once(MARK).map_or(name, |(base, _)| base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_of_an_alias_is_written_the_same() {
        let mut aliases = Aliases::default();
        let first = aliases.add(&"x".into(), Home::Language);
        let second = aliases.add(&first, Home::Scope(3));
        assert_ne!(first, second);
        assert_eq!((base_name(&first), base_name(&second), base_name("x")), ("x", "x", "x"));
        assert_eq!(aliases.of(&second), Some(&(first.clone(), Home::Scope(3))));
        assert_eq!(aliases.of(&first), Some(&("x".into(), Home::Language)));
        assert_eq!(aliases.of("x"), None);
    }
}
