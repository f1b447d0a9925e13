//! Which variable a name means: local variables hide globals and keywords.
//!
//! Every local variable of a program is distinct ([`Var`]), so a name needs resolving once, and
//! expressions can be moved without capture.
//!
//! A program is a module over the globals it is given. If it defines or sets one of them, it
//! gets a variable of its own with the old value to start with; the library, and expressions
//! that the expander makes, keep the original:
//!
//! ```text
//! (define (append a b) …)  ->  (define |append (redefined)| append)        first of all
//!                              (define |append (redefined)| (lambda (a b) …))
//! ```

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::core::{Span, Var, VarInfo};
use super::expand_macro::Macro;
use super::keyword::Keyword;

/// What a local name means.
#[derive(Clone, Debug)]
pub enum Local {
    /// A variable.
    Variable(Var),
    /// A macro of the program.
    Macro(Rc<Macro>),
}

/// The local variables: all there are, and those in force, with the number of the scope that they are bound in: an inner scope has a
/// greater number than those around it.
#[derive(Debug, Default)]
pub struct Locals {
    /// Everything about each variable, by its number.
    pub vars: Vec<VarInfo>,
    in_force: HashMap<Rc<str>, Vec<(u32, Local)>>,
    last_scope: u32,
}

impl Locals {
    /// A variable that did not exist yet. No name means it until [`Locals::bind`].
    pub fn fresh(&mut self, name: &Rc<str>) -> Var {
        self.vars.push(VarInfo { name: name.clone(), mutated: false });
        Var(self.vars.len() as u32 - 1)
    }

    /// A variable that no program can name.
    pub fn temporary(&mut self, role: &str) -> Var {
        self.fresh(&role.into())
    }

    /// The number of a new scope, inside of all that are open.
    pub fn new_scope(&mut self) -> u32 {
        self.last_scope += 1;
        self.last_scope
    }

    /// Lets the names of `vars` mean them.
    pub fn bind(&mut self, vars: &[Var]) {
        let scope = self.new_scope();
        vars.iter().for_each(|&var| self.bind_in(scope, var));
    }

    /// Lets the name of `var` mean it, in the innermost open scope.
    pub fn bind_in(&mut self, scope: u32, var: Var) {
        let name = self.vars[var.0 as usize].name.clone();
        self.bind_name(scope, name, Local::Variable(var));
    }

    /// Lets a name mean something, in the innermost open scope.
    pub fn bind_name(&mut self, scope: u32, name: Rc<str>, local: Local) {
        self.in_force.entry(name).or_default().push((scope, local));
    }

    /// Undoes the last [`Locals::bind`] of the same variables.
    pub fn unbind(&mut self, vars: &[Var]) {
        for var in vars {
            let name = self.vars[var.0 as usize].name.clone();
            self.unbind_name(&name);
        }
    }

    /// Undoes the last [`Locals::bind_name`] of the same name.
    pub fn unbind_name(&mut self, name: &str) {
        self.in_force.get_mut(name).and_then(Vec::pop);
    }

    /// What `name` means here, as far as it is bound in a scope up to `scope`.
    pub fn lookup(&self, name: &str, scope: u32) -> Option<&Local> {
        let bound = self.in_force.get(name)?.iter().rev().find(|(number, _)| *number <= scope)?;
        Some(&bound.1)
    }

    /// Notes a `set!` of `var`.
    pub fn mutate(&mut self, var: Var) {
        self.vars[var.0 as usize].mutated = true;
    }
}

/// The end of the name of a program's own variable.
const REDEFINED: &str = " (redefined)";

/// The name for which a program's own variable stands, if it is one.
pub fn original(own: &str) -> Option<&str> {
    own.strip_suffix(REDEFINED)
}

/// The globals a program mentions, and where it does so first.
#[derive(Debug, Default)]
pub struct Globals {
    redefined: HashSet<Rc<str>>,
    assigned: HashMap<Rc<str>, Span>,
    macros: HashMap<Rc<str>, Rc<Macro>>,
    synonyms: HashMap<Rc<str>, Keyword>,
    referenced: HashMap<Rc<str>, Span>,
}

impl Globals {
    /// With the given globals of which the program has its own variable.
    pub fn redefining(redefined: HashSet<Rc<str>>) -> Self {
        Globals { redefined, ..Globals::default() }
    }

    /// Notes a use; the global to use. What has no place in the text is no use of the program's.
    pub fn reference(&mut self, name: &Rc<str>, span: Span) -> Rc<str> {
        if span != Span::default() {
            self.referenced.entry(name.clone()).or_insert(span);
        }
        self.own(name)
    }

    /// Notes a definition or `set!`; the global to assign.
    pub fn assign(&mut self, name: &Rc<str>, span: Span) -> Rc<str> {
        self.macros.remove(name);
        self.synonyms.remove(name);
        self.assigned.entry(name.clone()).or_insert(span);
        self.own(name)
    }

    /// Notes a macro.
    pub fn define_macro(&mut self, name: Rc<str>, it: Rc<Macro>) {
        self.synonyms.remove(&name);
        self.macros.insert(name, it);
    }

    /// Notes another word for a keyword.
    pub fn define_synonym(&mut self, name: Rc<str>, keyword: Keyword) {
        self.synonyms.insert(name, keyword);
    }

    /// The keyword for which the program has made that name another word.
    pub fn synonym(&self, name: &str) -> Option<Keyword> {
        self.synonyms.get(name).copied()
    }

    /// The macro that the program has defined under that name.
    pub fn find_macro(&self, name: &str) -> Option<&Rc<Macro>> {
        self.macros.get(name)
    }

    /// Has the program defined a variable of that name, so far?
    pub fn is_assigned(&self, name: &str) -> bool {
        self.assigned.contains_key(name)
    }

    /// The program's own global of that name.
    fn own(&self, name: &Rc<str>) -> Rc<str> {
        if self.redefined.contains(name) { format!("{name}{REDEFINED}").into() } else { name.clone() }
    }

    /// Of the names in `known`, those that the program assigns.
    pub fn assigned_of(&self, known: &HashSet<String>) -> HashSet<Rc<str>> {
        self.assigned.keys().filter(|name| known.contains(&***name)).cloned().collect()
    }

    /// All globals that the program defines or sets, as it calls its own.
    pub fn assigned(&self) -> BTreeSet<Rc<str>> {
        self.assigned.keys().map(|name| self.own(name)).collect()
    }

    /// Original, own variable, and the place of the first assignment, of all redefined globals but the `former`;
    /// in the order of their names.
    pub fn redefinitions(&self, former: &HashSet<Rc<str>>) -> Vec<(Rc<str>, Rc<str>, Span)> {
        let mut names: Vec<_> = self.redefined.difference(former).collect();
        names.sort();
        names.into_iter().map(|name| (name.clone(), self.own(name), self.assigned[name])).collect()
    }

    /// The names that are neither known nor assigned, or are known and hidden, with their first uses, in the order of these.
    pub fn unbound(&self, known: &HashSet<String>, hidden: &HashSet<String>) -> Vec<(Rc<str>, Span)> {
        let is_visible = |name: &str| known.contains(name) && !hidden.contains(name);
        let is_bound = |name: &Rc<str>| is_visible(name) || self.assigned.contains_key(name);
        let unbound = self.referenced.iter().filter(|(name, _)| !is_bound(name));
        let mut unbound: Vec<_> = unbound.map(|(name, span)| (name.clone(), *span)).collect();
        unbound.sort_by_key(|(_, span)| (span.line, span.column));
        unbound
    }

    /// Does the program mention that global?
    pub fn mentions(&self, name: &str) -> bool {
        self.referenced.contains_key(name)
    }
}
