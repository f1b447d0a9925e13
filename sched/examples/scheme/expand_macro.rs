//! Macros: their definitions, their uses, and what a name means in their presence.
//!
//! ```text
//!   name ── bound in a scope that its home can see? ──▶ variable or macro
//!     │ no, and it is an alias: the same for what it stands for, in the alias's home
//!     ▼
//!   at top level: macro of the program, form of the language, keyword, global
//! ```

use std::collections::HashMap;
use std::rc::Rc;

use super::alias::{Home, base_name};
use super::core::{Expr, Var};
use super::expand::{Expander, Form};
use super::keyword::Keyword;
use super::reader;
use super::scope::Local;
use super::syntax::{Syntax, SyntaxKind};
use super::syntax_error::{Checked, Fault, SyntaxError};
use super::syntax_rules::{Names, Rules};

/// The forms of the language that are macros.
const FORMS: &str = include_str!("syntax.scm");
/// How many uses of macros a file may come to.
pub const MAX_USES: usize = 1_000_000;

/// A macro.
#[derive(Debug)]
pub struct Macro {
    rules: Rules,
    home: Home,
}

/// What a name means.
#[derive(Clone, Debug)]
pub enum Meaning {
    Variable(Var),
    Macro(Rc<Macro>),
    Keyword(Keyword),
    /// A global, or the program's own if it has redefined it.
    Global(Rc<str>),
    /// A global as it is for the library.
    Original(Rc<str>),
}

impl Expander<'_> {
    /// What `name` means here.
    pub(super) fn meaning(&self, name: &Rc<str>) -> Meaning {
        self.meaning_in(name, Home::Scope(u32::MAX))
    }

    fn meaning_in(&self, name: &Rc<str>, home: Home) -> Meaning {
        if let Home::Scope(scope) = home
            && let Some(local) = self.locals.lookup(name, scope)
        {
            return match local {
                Local::Variable(var) => Meaning::Variable(*var),
                Local::Macro(it) => Meaning::Macro(Rc::clone(it)),
            };
        }
        match self.aliases.of(name) {
            // A form of the language has defined it at top level.
            Some(_) if self.globals.is_assigned(name) => Meaning::Global(name.clone()),
            Some((original, home)) => self.meaning_in(original, *home),
            None => self.meaning_at_top(name, home),
        }
    }

    fn meaning_at_top(&self, name: &Rc<str>, home: Home) -> Meaning {
        let of_program = if home == Home::Language { None } else { self.globals.find_macro(name) };
        if let Some(it) = of_program {
            return Meaning::Macro(Rc::clone(it));
        }
        if let Some(keyword) = self.globals.synonym(name).filter(|_| home != Home::Language) {
            return Meaning::Keyword(keyword);
        }
        let is_hidden = home != Home::Language && self.globals.is_assigned(name);
        if !is_hidden {
            if let Some(it) = form(name) {
                return Meaning::Macro(it);
            }
            if let Some(keyword) = Keyword::named(name) {
                return Meaning::Keyword(keyword);
            }
        }
        match home {
            Home::Language => Meaning::Original(name.clone()),
            Home::Scope(_) => Meaning::Global(name.clone()),
        }
    }

    /// The name that a definition at top level binds. Macros of a program define what they say; those of the language
    /// define what nobody else can name.
    pub(super) fn global_name(&self, name: &Rc<str>) -> Rc<str> {
        match self.aliases.of(name) {
            Some((_, Home::Language)) => name.clone(),
            Some(_) => base_name(name).into(),
            None => name.clone(),
        }
    }

    /// What becomes of `syntax`, if it is a use of a macro: of what that makes, too, so that it is none in the end.
    pub(super) fn expanded(&mut self, syntax: &Syntax) -> Checked<Option<Syntax>> {
        let mut expanded = self.macro_use(syntax)?;
        while let Some(again) = &expanded {
            match self.macro_use(again).map_err(|error| outermost(error, syntax))? {
                None => break,
                more => expanded = more,
            }
        }
        Ok(expanded)
    }

    fn macro_use(&mut self, syntax: &Syntax) -> Checked<Option<Syntax>> {
        let SyntaxKind::List(items, _) = &syntax.kind else { return Ok(None) };
        let Some(name) = items.first().and_then(Syntax::name) else { return Ok(None) };
        let Meaning::Macro(it) = self.meaning(name) else { return Ok(None) };
        self.macro_uses += 1;
        if self.macro_uses > MAX_USES {
            return Err(self.fault(Fault::MacroLoop, syntax.span));
        }
        let expanded = it.rules.expand(syntax, &mut NamesIn { expander: self, home: it.home });
        expanded.map(Some).map_err(|fault| self.fault(fault, syntax.span))
    }

    /// Name and macro of a `define-syntax`.
    pub(super) fn macro_definition(&self, form: Form<'_>, home: Home) -> Checked<(Rc<str>, Rc<Macro>)> {
        let [name, transformer] = form.args else { return Err(self.bad_form(form)) };
        let name = self.name(name, form.keyword)?.clone();
        Ok((name, self.transformer(transformer, form, home)?))
    }

    fn transformer(&self, transformer: &Syntax, form: Form<'_>, home: Home) -> Checked<Rc<Macro>> {
        match self.special_form(transformer) {
            Some(Form { keyword: Keyword::SyntaxRules, args, span }) => {
                let rules = Rules::parse(args, span).map_err(|(fault, span)| self.fault(fault, span))?;
                Ok(Rc::new(Macro { rules, home }))
            }
            _ => match transformer.name().map(|name| self.meaning(name)) {
                Some(Meaning::Macro(it)) => Ok(it),
                _ => Err(self.bad_form(form)),
            },
        }
    }

    /// `(let-syntax …)` and `(letrec-syntax …)`.
    pub(super) fn let_syntax(&mut self, form: Form<'_>) -> Checked<Expr> {
        let Some((list, body)) = form.args.split_first() else { return Err(self.bad_form(form)) };
        let Some(list) = list.proper_list() else { return Err(self.bad_form(form)) };
        let outside = self.locals.new_scope();
        let scope = self.locals.new_scope();
        let home = Home::Scope(if form.keyword == Keyword::LetrecSyntax { scope } else { outside });
        let mut macros = Vec::with_capacity(list.len());
        for item in list {
            let Some(args) = item.proper_list() else { return Err(self.bad_form(form)) };
            macros.push(self.macro_definition(Form { args, span: item.span, ..form }, home)?);
        }
        let names: Vec<Rc<str>> = macros.iter().map(|(name, _)| name.clone()).collect();
        for (name, it) in macros {
            self.locals.bind_name(scope, name, Local::Macro(it));
        }
        let body = self.deeper(form.span, |x| x.body(body, form));
        names.iter().for_each(|name| self.locals.unbind_name(name));
        body
    }

    /// `(syntax-error …)`.
    pub(super) fn syntax_error(&self, form: Form<'_>) -> Box<SyntaxError> {
        let said: Vec<String> = form.args.iter().map(Syntax::to_string).collect();
        self.fault(Fault::Said(said.join(" ")), form.span)
    }
}

/// A part of a form of the language that nobody has written is no part of a message.
fn outermost(mut error: Box<SyntaxError>, written: &Syntax) -> Box<SyntaxError> {
    if let Fault::NoRule(name) = &mut error.fault
        && name.starts_with('%')
        && let Some(head) = written.proper_list().and_then(|items| items.first()?.name())
    {
        *name = base_name(head).into();
    }
    error
}

/// What a transformer that was defined in `home` asks.
struct NamesIn<'x, 'a> {
    expander: &'x mut Expander<'a>,
    home: Home,
}

impl Names for NamesIn<'_, '_> {
    fn is_literal(&self, name: &Rc<str>, literal: &Rc<str>) -> bool {
        use Meaning::{Global, Keyword, Macro, Original, Variable};
        match (self.expander.meaning(name), self.expander.meaning_in(literal, self.home)) {
            (Variable(a), Variable(b)) => a == b,
            (Macro(a), Macro(b)) => Rc::ptr_eq(&a, &b),
            (Keyword(a), Keyword(b)) => a == b,
            (Global(a) | Original(a), Global(b) | Original(b)) => a == b,
            _ => false,
        }
    }

    fn rename(&mut self, name: &Rc<str>) -> Rc<str> {
        self.expander.aliases.add(name, self.home)
    }
}

thread_local! {
    static LANGUAGE: HashMap<Rc<str>, Rc<Macro>> = language();
}

/// Is it a keyword, or a macro of the language?
pub(super) fn is_syntax(name: &str) -> bool {
    Keyword::named(name).is_some() || form(name).is_some()
}

/// The form of the language of that name.
fn form(name: &str) -> Option<Rc<Macro>> {
    LANGUAGE.with(|forms| forms.get(name).cloned())
}

/// # Panics
///
/// If the text is wrong, which a test would show.
fn language() -> HashMap<Rc<str>, Rc<Macro>> {
    let data = reader::read("syntax.scm", FORMS).unwrap_or_else(|error| panic!("{error}"));
    let define = |datum: &Syntax| {
        let [_, name, transformer] = datum.proper_list()? else { return None };
        let rules = Rules::parse(&transformer.proper_list()?[1..], transformer.span).ok()?;
        Some((name.name()?.clone(), Rc::new(Macro { rules, home: Home::Language })))
    };
    data.iter().map(|datum| define(datum).expect("a definition of syntax")).collect()
}
