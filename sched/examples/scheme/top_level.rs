//! What is done with a program before it is expanded: `import`, `cond-expand`, `include` and `define-library` at top level.
//!
//! Every library is part of every program, so an import of a known one says nothing new, and one of an unknown one is
//! refused; what selections do is told in `import_sets.rs`. What a program's own libraries define is global like everything else: two of them cannot use one
//! name for different things. A datum of an included file has the place of the `include`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::core::{Datum, Span};
use super::features::FEATURES;
use super::import_sets::{ImportSet, Imports, Missing};
use super::libraries;
use super::reader;
use super::syntax::{Syntax, SyntaxKind};
use super::syntax_error::{Checked, Fault, SyntaxError};

/// The parts of R7RS, large and small, that there are: `(scheme …)`.
const SCHEME: [&str; 20] = [
    "base",
    "case-lambda",
    "char",
    "complex",
    "cxr",
    "eval",
    "file",
    "inexact",
    "lazy",
    "load",
    "process-context",
    "r5rs",
    "read",
    "repl",
    "time",
    "write",
    "list",
    "sort",
    "vector",
    "hash-table",
];

/// The SRFIs of which the usual part is there.
const SRFI: [i64; 21] = [0, 1, 6, 8, 9, 11, 16, 23, 27, 30, 39, 46, 60, 62, 69, 87, 95, 98, 111, 132, 145];

/// How deep files include files.
const MAX_INCLUDES: usize = 40;

/// The data of `file`, with these forms replaced by what they stand for.
///
/// # Errors
///
/// Bad forms, libraries that are not known, files that cannot be read.
pub(super) fn prepare(file: &str, data: Vec<Syntax>) -> Checked<Prepared> {
    let mut preparation = Preparation { file, ..Preparation::default() };
    data.into_iter().try_for_each(|datum| preparation.form(datum))?;
    let Preparation { imports, for_libraries, out, .. } = preparation;
    let span = out.first().map_or(Span::default(), |datum| datum.span);
    let mut data = imports.definitions(&out, span);
    data.extend(for_libraries.definitions(&out, span));
    data.extend(out);
    Ok(Prepared { data, hidden: imports.hidden() })
}

/// A program without these forms.
#[derive(Debug)]
pub(super) struct Prepared {
    /// What is left.
    pub(super) data: Vec<Syntax>,
    /// Variables of the language that its import sets leave out.
    pub(super) hidden: HashSet<String>,
}

#[derive(Default)]
struct Preparation<'a> {
    file: &'a str,
    imports: Imports,
    /// Imports of the program's own libraries: what is global hides nothing.
    for_libraries: Imports,
    is_in_library: bool,
    /// Names of the program's own libraries, as written.
    defined: Vec<String>,
    out: Vec<Syntax>,
    includes: usize,
}

impl Preparation<'_> {
    fn form(&mut self, datum: Syntax) -> Checked<()> {
        let Some((keyword, args)) = split(&datum) else {
            self.out.push(datum);
            return Ok(());
        };
        match keyword {
            "import" => args.iter().try_for_each(|set| self.import(set)),
            "cond-expand" => self.cond_expand(args, datum.span),
            "include" | "include-ci" => args.iter().try_for_each(|path| self.include(path, datum.span)),
            "define-library" => self.library(args, datum.span),
            "begin" if args.iter().any(is_ours) => args.iter().try_for_each(|part| self.form(part.clone())),
            _ => {
                self.out.push(datum);
                Ok(())
            }
        }
    }

    fn fault(&self, fault: Fault, span: Span) -> Box<SyntaxError> {
        fault.at(self.file, span)
    }

    fn bad(&self, form: &'static str, shape: &'static str, span: Span) -> Box<SyntaxError> {
        self.fault(Fault::BadForm { form, shape }, span)
    }

    fn import(&mut self, set: &Syntax) -> Checked<()> {
        let set = self.import_set(set)?;
        let imports = if self.is_in_library { &mut self.for_libraries } else { &mut self.imports };
        imports.add(set);
        Ok(())
    }

    /// An import set: a library, or a selection from one.
    fn import_set(&self, set: &Syntax) -> Checked<ImportSet> {
        let (selection, inner, rest) = match split(set) {
            Some((word @ ("only" | "except" | "rename" | "prefix"), [inner, rest @ ..]))
                if inner.proper_list().is_some() =>
            {
                (word, self.import_set(inner)?, rest)
            }
            _ => return self.library_set(set),
        };
        let selected = match selection {
            "only" => inner.only(self.import_names(rest)?.into_iter()),
            "except" => inner.except(self.import_names(rest)?.into_iter()),
            "rename" => inner.rename(self.renamings(rest)?.into_iter()),
            _ => Ok(inner.prefix(self.import_names(rest)?.first().copied().unwrap_or_default())),
        };
        let library = || set.proper_list().map_or_else(String::new, |items| shown(&items[1]));
        selected
            .map_err(|Missing(name)| self.fault(Fault::NoSuchExport { library: library(), name }, set.span))
    }

    fn library_set(&self, library: &Syntax) -> Checked<ImportSet> {
        if !self.is_known(library) {
            return Err(self.fault(Fault::UnknownLibrary(shown(library)), library.span));
        }
        Ok(match split(library) {
            Some(("scheme", [part, ..])) => ImportSet::whole(part.name().map(|part| &**part)),
            Some(("srfi", [number, ..])) => ImportSet::open(srfi(number).and_then(libraries::srfi)),
            _ => ImportSet::open(None),
        })
    }

    fn import_names<'s>(&self, names: &'s [Syntax]) -> Checked<Vec<&'s str>> {
        let name = |name: &'s Syntax| {
            name.name().map(|name| &**name).ok_or_else(|| self.fault(Fault::NotAName("import"), name.span))
        };
        names.iter().map(name).collect()
    }

    /// `(old new) …`
    fn renamings<'s>(&self, pairs: &'s [Syntax]) -> Checked<Vec<(&'s str, &'s str)>> {
        let renaming = |pair: &'s Syntax| match pair.proper_list() {
            Some([old, new]) => Ok((
                self.import_names(std::slice::from_ref(old))?[0],
                self.import_names(std::slice::from_ref(new))?[0],
            )),
            _ => Err(self.bad("import", "(rename LIBRARY (NAME NEW-NAME) ...)", pair.span)),
        };
        pairs.iter().map(renaming).collect()
    }

    /// `(original name)`: one more name for a variable.
    fn alias(&mut self, pair: &Syntax) -> Checked<()> {
        let Some([original, name]) = pair.proper_list() else {
            return Err(self.bad("export", "(rename NAME NEW-NAME)", pair.span));
        };
        let define = Syntax::symbol(pair.span, "define");
        self.out.push(list(pair.span, vec![define, name.clone(), original.clone()]));
        Ok(())
    }

    fn is_known(&self, library: &Syntax) -> bool {
        let Some([first, rest @ ..]) = library.proper_list() else { return false };
        match (first.name().map(|name| &**name), rest) {
            (Some("scheme"), [part]) => part.name().is_some_and(|part| SCHEME.contains(&&**part)),
            (Some("srfi"), [number, ..]) => srfi(number).is_some_and(|number| SRFI.contains(&number)),
            _ => self.defined.contains(&shown(library)),
        }
    }

    fn cond_expand(&mut self, clauses: &[Syntax], span: Span) -> Checked<()> {
        for clause in clauses {
            let Some([requirement, body @ ..]) = clause.proper_list() else {
                return Err(self.bad("cond-expand", "(cond-expand (REQUIREMENT FORM ...) ...)", span));
            };
            if self.holds(requirement)? {
                return body.iter().try_for_each(|form| self.form(form.clone()));
            }
        }
        Ok(())
    }

    fn holds(&self, requirement: &Syntax) -> Checked<bool> {
        if let Some(name) = requirement.name() {
            return Ok(&**name == "else" || FEATURES.contains(&&**name));
        }
        match split(requirement) {
            Some(("and", all)) => all.iter().try_fold(true, |yes, one| Ok(yes && self.holds(one)?)),
            Some(("or", all)) => all.iter().try_fold(false, |yes, one| Ok(yes || self.holds(one)?)),
            Some(("not", [one])) => Ok(!self.holds(one)?),
            Some(("library", [name])) => Ok(self.is_known(name)),
            _ => Err(self.bad(
                "cond-expand",
                "a feature, (and ...), (or ...), (not ...) or (library NAME)",
                requirement.span,
            )),
        }
    }

    fn include(&mut self, path: &Syntax, span: Span) -> Checked<()> {
        let SyntaxKind::Atom(Datum::String(name)) = &path.kind else {
            return Err(self.bad("include", "(include \"FILE\" ...)", path.span));
        };
        let path = beside(self.file, name);
        let shown = path.display().to_string();
        if self.includes == MAX_INCLUDES {
            return Err(self
                .fault(Fault::CannotInclude { path: shown, why: "files include each other".into() }, span));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| {
            self.fault(Fault::CannotInclude { path: shown.clone(), why: error.to_string() }, span)
        })?;
        self.includes += 1;
        let data = reader::read(&shown, &text)?;
        data.into_iter().try_for_each(|datum| self.form(placed(datum, span)))?;
        self.includes -= 1;
        Ok(())
    }

    /// The declarations of a library, its body among them.
    fn library(&mut self, args: &[Syntax], span: Span) -> Checked<()> {
        let [name, declarations @ ..] = args else {
            return Err(self.bad("define-library", "(define-library NAME DECLARATION ...)", span));
        };
        self.defined.push(shown(name));
        let mut exports = Vec::new();
        let outside = std::mem::replace(&mut self.is_in_library, true);
        for declaration in declarations {
            match split(declaration) {
                Some(("export", names)) => exports.extend(names),
                Some(("begin", body)) => body.iter().try_for_each(|form| self.form(form.clone()))?,
                _ => self.form(declaration.clone())?,
            }
        }
        self.is_in_library = outside;
        for export in exports {
            if let Some(("rename", [original, name])) = split(export) {
                let pair = list(export.span, vec![original.clone(), name.clone()]);
                self.alias(&pair)?;
            }
        }
        Ok(())
    }
}

/// The keyword of a form, and what follows.
fn split(datum: &Syntax) -> Option<(&str, &[Syntax])> {
    let (head, args) = datum.proper_list()?.split_first()?;
    Some((head.name()?, args))
}

fn is_ours(datum: &Syntax) -> bool {
    let ours = ["import", "cond-expand", "include", "include-ci", "define-library", "begin"];
    split(datum).is_some_and(|(keyword, _)| ours.contains(&keyword))
}

fn srfi(number: &Syntax) -> Option<i64> {
    match &number.kind {
        SyntaxKind::Atom(Datum::Fixnum(n)) => Some(*n),
        SyntaxKind::Atom(Datum::Symbol(name)) => name.parse().ok(),
        _ => None,
    }
}

fn list(span: Span, items: Vec<Syntax>) -> Syntax {
    Syntax { span, kind: SyntaxKind::List(items, None) }
}

/// A library's name as written.
fn shown(library: &Syntax) -> String {
    match (&library.kind, library.name()) {
        (_, Some(name)) => name.to_string(),
        (SyntaxKind::Atom(Datum::Fixnum(n)), _) => n.to_string(),
        (SyntaxKind::List(items, None), _) => {
            format!("({})", items.iter().map(shown).collect::<Vec<_>>().join(" "))
        }
        _ => "?".to_owned(),
    }
}

/// A path as the text of `file` means it.
fn beside(file: &str, name: &str) -> PathBuf {
    Path::new(file).parent().unwrap_or(Path::new("")).join(name)
}

/// The datum with all its parts at one place.
fn placed(datum: Syntax, span: Span) -> Syntax {
    let all = |items: Vec<Syntax>| items.into_iter().map(|item| placed(item, span)).collect();
    let kind = match datum.kind {
        SyntaxKind::List(items, tail) => {
            SyntaxKind::List(all(items), tail.map(|tail| Box::new(placed(*tail, span))))
        }
        SyntaxKind::Vector(items) => SyntaxKind::Vector(all(items)),
        atom => atom,
    };
    Syntax { span, kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(source: &str) -> Result<String, String> {
        let data = reader::read("t.scm", source).expect("data");
        let data = prepare("t.scm", data).map_err(|error| error.to_string())?;
        Ok(data.data.iter().map(shown).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn forms_are_replaced_by_what_they_stand_for() {
        for (source, expected) in [
            ("(import (scheme base) (only (srfi 1) fold) (except (scheme write) write)) (f)", "(f)"),
            ("(import (rename (scheme base) (car first))) (first x)", "(define first car) (first x)"),
            ("(import (prefix (only (scheme base) car) b:)) (b:car (b:cdr x))", "(define b:car car) (b:car (b:cdr x))"),
            ("(import (prefix (rename (scheme base) (car kar)) b:)) (b:kar)", "(define b:kar car) (b:kar)"),
            ("(import (prefix (srfi 1) l:)) (l:fold)", "(define l:fold fold) (l:fold)"),
            (
                "(import (rename (scheme base) (if my-if))) (my-if a b)",
                "(define-syntax my-if if) (my-if a b)",
            ),
            ("(cond-expand (no-such (a)) ((and r7rs (not (library (foo)))) (b) (c)) (else (d)))", "(b) (c)"),
            ("(cond-expand (no-such (a)))", ""),
            ("(cond-expand ((or no-such (library (scheme base))) (begin (import (scheme base)) (a))))", "(a)"),
            ("(define-library (my lib) (export f (rename g h)) (import (scheme base)) (begin (define f a)))
              (import (my lib)) (f)", "(define f a) (define h g) (f)"),
        ] {
            assert_eq!(prepared(source).as_deref(), Ok(expected), "{source}");
        }
    }

    #[test]
    fn what_is_unknown_is_said() {
        for (source, message) in [
            ("(import (foo bar))", "t.scm:1:9: unknown library (foo bar)"),
            ("(import (only (srfi 69) hash-table-ref car))", "t.scm:1:9: (srfi 69) has no `car`"),
            (
                "(import (rename (prefix (srfi 1) l:) (l:bogus b)))",
                "t.scm:1:9: (prefix (srfi 1) l:) has no `l:bogus`",
            ),
            ("(import (except (srfi 111) unbox!))", "t.scm:1:9: (srfi 111) has no `unbox!`"),
            ("(import (srfi 9999))", "t.scm:1:9: unknown library (srfi 9999)"),
            ("(include \"/no/such/file\")", "t.scm:1:1: cannot include /no/such/file: "),
            ("(cond-expand ((maybe x) 1))", "t.scm:1:15: bad `cond-expand`"),
            ("(import (only (scheme base) vector-grow))", "t.scm:1:9: (scheme base) has no `vector-grow`"),
            (
                "(import (except (only (scheme base) car) cdr))",
                "t.scm:1:9: (only (scheme base) car) has no `cdr`",
            ),
            ("(import (rename (scheme base) (sin sine)))", "t.scm:1:9: (scheme base) has no `sin`"),
            ("(import (rename (scheme base) car))", "t.scm:1:31: bad `import`"),
        ] {
            let error = prepared(source).expect_err(source);
            assert!(error.starts_with(message), "{error}");
        }
    }
}
