//! Import sets: what `(prefix (only (scheme base) car) b:)` makes visible, and under which names.
//!
//! Everything is part of every program, so a library that is imported as a whole says nothing new. What is selected is taken at its word: names of a
//! library that an `only` leaves out, an `except` names or a `rename` renames are hidden, unless another import of the program brings them; new
//! names are defined. Syntax is never hidden.

use std::collections::{BTreeMap, HashSet};

use super::core::Span;
use super::expand_macro::is_syntax;
use super::libraries;
use super::syntax::{Syntax, SyntaxKind};

/// Visible name and original. Of an open library only what the sets name is known.
#[derive(Clone, Debug, Default)]
pub struct ImportSet {
    names: BTreeMap<String, String>,
    /// It may hold anything else, too, under this prefix.
    open: Option<String>,
    /// What an open library has, if there is a list.
    listed: Option<&'static str>,
    /// What the library has.
    all: HashSet<String>,
}

/// A name that was selected and that the library does not have.
#[derive(Debug)]
pub struct Missing(pub String);

impl ImportSet {
    /// All of `(scheme part)`, or of a library that is open.
    pub fn whole(part: Option<&str>) -> ImportSet {
        let Some(names) = part.and_then(libraries::exports) else {
            return ImportSet::open(None);
        };
        let all: HashSet<String> = names.map(str::to_owned).collect();
        ImportSet {
            names: all.iter().map(|name| (name.clone(), name.clone())).collect(),
            open: None,
            all,
            ..ImportSet::default()
        }
    }

    /// A library of which nothing is hidden; only what `listed` has, if that is known, can be selected.
    pub fn open(listed: Option<&'static str>) -> ImportSet {
        ImportSet { open: Some(String::new()), listed, ..ImportSet::default() }
    }

    /// May an open library have it?
    fn has(&self, name: &str) -> bool {
        self.listed.is_none_or(|names| names.split_whitespace().any(|listed| listed == name))
    }

    fn original(&self, name: &str) -> Result<String, Missing> {
        let listed = self.names.get(name).cloned();
        let guessed = || {
            let inner = name.strip_prefix(self.open.as_deref()?)?;
            self.has(inner).then(|| inner.to_owned())
        };
        listed.or_else(guessed).ok_or_else(|| Missing(name.to_owned()))
    }

    /// `(only …)`.
    pub fn only<'n>(self, names: impl Iterator<Item = &'n str>) -> Result<ImportSet, Missing> {
        let names = names.map(|name| Ok((name.to_owned(), self.original(name)?)));
        let names = names.collect::<Result<_, _>>()?;
        Ok(ImportSet { names, open: None, listed: None, all: self.all })
    }

    /// `(except …)`.
    pub fn except<'n>(mut self, names: impl Iterator<Item = &'n str>) -> Result<ImportSet, Missing> {
        for name in names {
            self.original(name)?;
            self.names.remove(name);
        }
        Ok(self)
    }

    /// `(rename …)`, from old to new.
    pub fn rename<'n>(
        mut self,
        pairs: impl Iterator<Item = (&'n str, &'n str)>,
    ) -> Result<ImportSet, Missing> {
        let mut renamed = Vec::new();
        for (old, new) in pairs {
            renamed.push((new.to_owned(), self.original(old)?));
            self.names.remove(old);
        }
        self.names.extend(renamed);
        Ok(self)
    }

    /// `(prefix …)`.
    pub fn prefix(self, prefix: &str) -> ImportSet {
        let names = self.names.into_iter().map(|(name, original)| (format!("{prefix}{name}"), original));
        let open = self.open.map(|inner| format!("{prefix}{inner}"));
        ImportSet { names: names.collect(), open, listed: self.listed, all: self.all }
    }
}

/// All that a program imports.
#[derive(Debug, Default)]
pub struct Imports {
    sets: Vec<ImportSet>,
}

impl Imports {
    /// One more.
    pub fn add(&mut self, set: ImportSet) {
        self.sets.push(set);
    }

    /// Variables that nothing brings, though libraries of which something is imported have them.
    pub fn hidden(&self) -> HashSet<String> {
        let had = self.sets.iter().flat_map(|set| &set.all);
        let is_brought = |name: &str| {
            self.sets.iter().any(|set| set.names.get(name).is_some_and(|original| original == name))
        };
        had.filter(|name| !is_brought(name) && !is_syntax(name)).cloned().collect()
    }

    /// Definitions of the new names that `data` mentions.
    pub fn definitions(&self, data: &[Syntax], span: Span) -> Vec<Syntax> {
        if self.sets.is_empty() {
            return Vec::new();
        }
        let mut mentioned = HashSet::new();
        data.iter().for_each(|datum| names_in(datum, &mut mentioned));
        let mut mentioned: Vec<String> = mentioned.into_iter().collect();
        mentioned.sort();
        mentioned.iter().filter_map(|name| Some(definition(name, &self.brings(name)?, span))).collect()
    }

    /// The original of a new name.
    fn brings(&self, name: &str) -> Option<String> {
        let listed = self.sets.iter().find_map(|set| set.names.get(name).cloned());
        let guessed = || {
            let prefixes = self.sets.iter().filter_map(|set| set.open.as_deref());
            let rest = |prefix: &str| name.strip_prefix(prefix).filter(|_| !prefix.is_empty());
            prefixes.into_iter().find_map(rest).map(str::to_owned)
        };
        listed.or_else(guessed).filter(|original| original != name)
    }
}

/// The original is looked at without a place: it counts as no use of a name that may be hidden.
fn definition(name: &str, original: &str, span: Span) -> Syntax {
    let define = if is_syntax(original) { "define-syntax" } else { "define" };
    let parts =
        [Syntax::symbol(span, define), Syntax::symbol(span, name), Syntax::symbol(Span::default(), original)];
    Syntax { span, kind: SyntaxKind::List(parts.into(), None) }
}

fn names_in(datum: &Syntax, names: &mut HashSet<String>) {
    if let Some(name) = datum.name() {
        names.insert(name.to_string());
    }
    match &datum.kind {
        SyntaxKind::List(items, tail) => {
            items.iter().chain(tail.as_deref()).for_each(|item| names_in(item, names));
        }
        SyntaxKind::Vector(items) => items.iter().for_each(|item| names_in(item, names)),
        SyntaxKind::Atom(_) => {}
    }
}
