//! `cond-expand` in bodies, expressions and macros: which of its parts this Scheme takes. Those at top level are gone by
//! now ([`top_level`](super::top_level)).

use super::alias::base_name;
use super::expand::{Expander, Form};
use super::features::FEATURES;
use super::keyword::Keyword;
use super::syntax::Syntax;
use super::syntax_error::Checked;

/// First words of the libraries that `import` accepts: all that they hold is there anyway.
const LIBRARIES: [&str; 2] = ["scheme", "srfi"];

impl Expander<'_> {
    /// The forms that a `begin` or a `cond-expand` stands for.
    pub(super) fn spliced<'s>(&self, form: Form<'s>) -> Checked<&'s [Syntax]> {
        if form.keyword == Keyword::Begin {
            return Ok(form.args);
        }
        for clause in form.args {
            let Some([requirement, forms @ ..]) = clause.proper_list() else {
                return Err(self.bad_form(Form { span: clause.span, ..form }));
            };
            if self.keyword(requirement) == Some(Keyword::Else) || self.is_met(requirement, form)? {
                return Ok(forms);
            }
        }
        Ok(&[])
    }

    fn is_met(&self, requirement: &Syntax, form: Form<'_>) -> Checked<bool> {
        if let Some(name) = requirement.name() {
            return Ok(FEATURES.contains(&base_name(name)));
        }
        let bad = || self.bad_form(Form { span: requirement.span, ..form });
        let Some((head, parts)) = requirement.proper_list().and_then(<[Syntax]>::split_first) else {
            return Err(bad());
        };
        let met = |part: &Syntax| self.is_met(part, form);
        match (head.name().map(|name| base_name(name)), parts) {
            (Some("and"), parts) => parts.iter().try_fold(true, |all, part| Ok(all & met(part)?)),
            (Some("or"), parts) => parts.iter().try_fold(false, |any, part| Ok(any | met(part)?)),
            (Some("not"), [part]) => Ok(!met(part)?),
            (Some("library"), [library]) => {
                let first = library.proper_list().and_then(|parts| parts.first()?.name());
                Ok(first.is_some_and(|name| LIBRARIES.contains(&&**name)))
            }
            _ => Err(bad()),
        }
    }
}
