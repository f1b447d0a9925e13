//! From data to the core language: entry, top level, and what all forms need.
//!
//! ```text
//! text --reader--> Syntax --expand--> Program --back end--> machine code
//! ```
//!
//! Derived forms become core forms directly, never source text again, so a program that hides
//! `if` or redefines `cons` cannot change what `cond` or a quasiquote means. Rules kept:
//!
//! * Every expression has the place of the datum it came from.
//! * Forms that fold (`cond`, `and`, `let*` …) count each step as a level, through
//!   [`Expander::deeper`], so that [`MAX_EXPRESSION_NESTING`](super::syntax::MAX_EXPRESSION_NESTING) holds for every [`Program`].
//! * Arguments and bindings stay in the order of the source.

use std::collections::HashSet;
use std::rc::Rc;

use super::alias::{Aliases, Home};
use super::core::{Expr, ExprKind, Program, Span, Var};
use super::keyword::Keyword;
use super::reader;
use super::scope::{Globals, Locals, original};
use super::syntax::{MAX_NESTING, Syntax};
use super::syntax_error::{Checked, Fault, SyntaxError};
use super::top_level::{self, Prepared};

/// Expands the text of one file.
///
/// `known_globals` are the names defined before the program runs: primitives and library. A
/// program that assigns one of them gets a global of its own (see `scope.rs`), which is why
/// [`Program::assigned_globals`] never holds a known name.
///
/// # Errors
///
/// The first fault of the text: what the reader refuses, bad forms, globals that an import set leaves out. Those that nobody
/// defines are noted in the program: they are an error when they are used, if they ever are.
pub fn expand(
    file_name: &str,
    source: &str,
    known_globals: &HashSet<String>,
) -> Result<Program, SyntaxError> {
    program(file_name, source, known_globals).map_err(|error| *error)
}

/// Expands a text that is added to a program that runs. It may mention globals that nobody has defined yet, and `redefined` are
/// the known ones of which earlier texts have made a variable of their own; those of this text are added.
///
/// # Errors
///
/// As [`expand`].
pub fn expand_more(
    file: &str,
    data: &[Syntax],
    known: &HashSet<String>,
    redefined: &mut HashSet<Rc<str>>,
) -> Result<Program, SyntaxError> {
    let (expander, forms) = expanded(file, data, known, redefined).map_err(|error| *error)?;
    let program = expander.program(forms, redefined);
    redefined.extend(program.assigned_globals.iter().filter_map(|name| original(name)).map(Rc::from));
    Ok(program)
}

fn program(file: &str, source: &str, known: &HashSet<String>) -> Checked<Program> {
    let Prepared { data, hidden } = top_level::prepare(file, reader::read(file, source)?)?;
    let (expander, forms) = expanded(file, &data, known, &HashSet::new())?;
    expander.finish(forms, known, &hidden)
}

/// Which globals are redefined is known only after expansion; if any are, it is done again.
fn expanded<'a>(
    file: &'a str,
    data: &[Syntax],
    known: &HashSet<String>,
    former: &HashSet<Rc<str>>,
) -> Checked<(Expander<'a>, Vec<Expr>)> {
    let mut expander = Expander::new(file, Globals::redefining(former.clone()));
    let mut forms = expander.top_level(data)?;
    let mut redefined = expander.globals.assigned_of(known);
    if !redefined.is_subset(former) {
        redefined.extend(former.iter().cloned());
        expander = Expander::new(file, Globals::redefining(redefined));
        forms = expander.top_level(data)?;
    }
    Ok((expander, forms))
}

/// The state of one expansion.
#[derive(Debug)]
pub(super) struct Expander<'a> {
    file: &'a str,
    pub(super) locals: Locals,
    pub(super) globals: Globals,
    pub(super) aliases: Aliases,
    /// Uses of macros so far.
    pub(super) macro_uses: usize,
    depth: usize,
}

/// A special form: its keyword, its place, and what follows the keyword.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form<'s> {
    pub(super) keyword: Keyword,
    pub(super) span: Span,
    pub(super) args: &'s [Syntax],
}

impl<'a> Expander<'a> {
    fn new(file: &'a str, globals: Globals) -> Self {
        Expander {
            file,
            locals: Locals::default(),
            globals,
            aliases: Aliases::default(),
            macro_uses: 0,
            depth: 0,
        }
    }

    fn finish(self, forms: Vec<Expr>, known: &HashSet<String>, hidden: &HashSet<String>) -> Checked<Program> {
        let mut unbound = self.globals.unbound(known, hidden);
        if let Some((name, span)) = unbound.iter().find(|(name, _)| known.contains(&**name)) {
            return Err(self.fault(Fault::NotImported(name.clone()), *span));
        }
        // Who loads or evaluates texts defines what is in them.
        if ["load", "eval"].iter().any(|name| self.globals.mentions(name)) {
            unbound.clear();
        }
        Ok(Program { unbound, ..self.program(forms, &HashSet::new()) })
    }

    /// The program; variables of its own in place of known ones, but for the `former`, get their values first.
    fn program(self, forms: Vec<Expr>, former: &HashSet<Rc<str>>) -> Program {
        let initial = self.globals.redefinitions(former).into_iter().map(|(original, own, span)| {
            let value = Box::new(ExprKind::Global(original).at(span));
            ExprKind::DefineGlobal(own, value).at(span)
        });
        Program {
            file: self.file.into(),
            forms: initial.chain(forms).collect(),
            assigned_globals: self.globals.assigned(),
            vars: self.locals.vars,
            unbound: Vec::new(),
        }
    }

    fn top_level(&mut self, data: &[Syntax]) -> Checked<Vec<Expr>> {
        let mut forms = Vec::new();
        for datum in data {
            self.top_level_form(datum, &mut forms)?;
        }
        Ok(forms)
    }

    /// A `begin` at top level is as good as its parts.
    fn top_level_form(&mut self, datum: &Syntax, forms: &mut Vec<Expr>) -> Checked<()> {
        if let Some(expanded) = self.expanded(datum)? {
            return self.deeper(datum.span, |x| x.top_level_form(&expanded, forms));
        }
        match self.special_form(datum) {
            Some(form @ Form { keyword: Keyword::Begin | Keyword::CondExpand, .. }) => {
                for part in self.spliced(form)? {
                    self.top_level_form(part, forms)?;
                }
            }
            Some(form @ Form { keyword: Keyword::Define, .. }) => forms.push(self.global_definition(form)?),
            Some(form @ Form { keyword: Keyword::DefineRecordType, .. }) => {
                let definitions = self.record_type(form)?;
                definitions.iter().try_for_each(|definition| self.top_level_form(definition, forms))?;
            }
            Some(form @ Form { keyword: Keyword::DefineSyntax, .. }) => self.global_macro(form)?,
            Some(Form { keyword: Keyword::Import, .. }) => {}
            _ => forms.push(self.expression(datum)?),
        }
        Ok(())
    }

    fn global_definition(&mut self, form: Form<'_>) -> Checked<Expr> {
        let definition = self.definition(form)?;
        let name = self.global_name(definition.name);
        self.refuse_keyword(&name, form.span)?;
        let global = self.globals.assign(&name, form.span);
        let value = self.deeper(form.span, |x| x.defined_value(&definition))?;
        Ok(ExprKind::DefineGlobal(global, Box::new(value)).at(form.span))
    }

    fn global_macro(&mut self, form: Form<'_>) -> Checked<()> {
        if let [name, word] = form.args
            && let Some(keyword) = self.keyword(word)
        {
            let name = self.name(name, form.keyword)?.clone();
            self.globals.define_synonym(self.global_name(&name), keyword);
            return Ok(());
        }
        let (name, it) = self.macro_definition(form, Home::Scope(0))?;
        self.globals.define_macro(self.global_name(&name), it);
        Ok(())
    }

    /// The name that `syntax` must be.
    pub(super) fn name<'s>(&self, syntax: &'s Syntax, form: Keyword) -> Checked<&'s Rc<str>> {
        syntax.name().ok_or_else(|| self.fault(Fault::NotAName(form.name()), syntax.span))
    }

    pub(super) fn refuse_keyword(&self, name: &Rc<str>, span: Span) -> Checked<()> {
        match Keyword::named(name) {
            Some(word) if !word.may_be_redefined() => {
                Err(self.fault(Fault::KeywordDefined(name.clone()), span))
            }
            _ => Ok(()),
        }
    }

    /// Runs `f` one level further down.
    pub(super) fn deeper<T>(&mut self, span: Span, f: impl FnOnce(&mut Self) -> Checked<T>) -> Checked<T> {
        if self.depth == MAX_NESTING {
            return Err(self.fault(Fault::TooDeep, span));
        }
        self.depth += 1;
        let result = f(self);
        self.depth -= 1;
        result
    }

    pub(super) fn fault(&self, fault: Fault, span: Span) -> Box<SyntaxError> {
        fault.at(self.file, span)
    }

    pub(super) fn bad_form(&self, form: Form<'_>) -> Box<SyntaxError> {
        let Form { keyword, span, .. } = form;
        self.fault(Fault::BadForm { form: keyword.name(), shape: keyword.shape() }, span)
    }

    pub(super) fn out_of_place(&self, word: Keyword, span: Span) -> Box<SyntaxError> {
        self.fault(Fault::OutOfPlace { name: word.name(), inside: word.shape() }, span)
    }
}

impl ExprKind {
    /// This, at its place.
    pub(super) fn at(self, span: Span) -> Expr {
        Expr { span, kind: self }
    }
}

/// A call of a global that the expander knows: always the original, whatever a program defines.
pub(super) fn call_known(name: &str, args: Vec<Expr>, span: Span) -> Expr {
    let callee = Box::new(ExprKind::Global(name.into()).at(span));
    ExprKind::Call(callee, args).at(span)
}

/// A reference to a local variable.
pub(super) fn local(var: Var, span: Span) -> Expr {
    ExprKind::Local(var).at(span)
}

#[cfg(test)]
#[path = "core_text.rs"]
mod core_text;

#[cfg(test)]
#[path = "expand_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "file_tests.rs"]
mod file_tests;
