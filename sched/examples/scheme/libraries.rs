//! What the libraries of R7RS export, for import sets that select or rename: appendix A of the report, in words.
//!
//! Of other libraries (SRFIs, those of R7RS-large) only the parts that are there are there. They are open: nothing of them is ever hidden. Of the
//! SRFIs that programs select from there is a list of those parts.

/// Name of the library after `scheme`, and what it exports.
const TABLE: [(&str, &str); 16] = [
    (
        "base",
        "* + - ... / < <= = => > >= _ abs and append apply assoc assq assv begin binary-port? boolean=? boolean? bytevector \
         bytevector-append bytevector-copy bytevector-copy! bytevector-length bytevector-u8-ref bytevector-u8-set! bytevector? caar cadr \
         call-with-current-continuation call-with-port call-with-values call/cc car case cdar cddr cdr ceiling char->integer char-ready? \
         char<=? char<? char=? char>=? char>? char? close-input-port close-output-port close-port complex? cond cond-expand cons \
         current-error-port current-input-port current-output-port define define-record-type define-syntax define-values denominator do \
         dynamic-wind else eof-object eof-object? eq? equal? eqv? error error-object-irritants error-object-message error-object? even? \
         exact exact-integer-sqrt exact-integer? exact? expt features file-error? floor floor-quotient floor-remainder floor/ \
         flush-output-port for-each gcd get-output-bytevector get-output-string guard if include include-ci inexact inexact? \
         input-port-open? input-port? integer->char integer? lambda lcm length let let* let*-values let-syntax let-values letrec letrec* \
         letrec-syntax list list->string list->vector list-copy list-ref list-set! list-tail list? make-bytevector make-list \
         make-parameter make-string make-vector map max member memq memv min modulo negative? newline not null? number->string number? \
         numerator odd? open-input-bytevector open-input-string open-output-bytevector open-output-string or output-port-open? \
         output-port? pair? parameterize peek-char peek-u8 positive? procedure? quasiquote quote quotient raise raise-continuable \
         rational? rationalize read-bytevector read-bytevector! read-char read-error? read-line read-string read-u8 real? remainder \
         reverse round set! set-car! set-cdr! square string string->list string->number string->symbol string->utf8 string->vector \
         string-append string-copy string-copy! string-fill! string-for-each string-length string-map string-ref string-set! string<=? \
         string<? string=? string>=? string>? string? substring symbol->string symbol=? symbol? syntax-error syntax-rules textual-port? \
         truncate truncate-quotient truncate-remainder truncate/ u8-ready? unless unquote unquote-splicing utf8->string values vector \
         vector->list vector->string vector-append vector-copy vector-copy! vector-fill! vector-for-each vector-length vector-map \
         vector-ref vector-set! vector? when with-exception-handler write-bytevector write-char write-string write-u8 zero?",
    ),
    ("case-lambda", "case-lambda"),
    (
        "char",
        "char-alphabetic? char-ci<=? char-ci<? char-ci=? char-ci>=? char-ci>? char-downcase char-foldcase char-lower-case? char-numeric? \
         char-upcase char-upper-case? char-whitespace? digit-value string-ci<=? string-ci<? string-ci=? string-ci>=? string-ci>? \
         string-downcase string-foldcase string-upcase",
    ),
    ("complex", "angle imag-part magnitude make-polar make-rectangular real-part"),
    (
        "cxr",
        "caaaar caaadr caaar caadar caaddr caadr cadaar cadadr cadar caddar cadddr caddr cdaaar cdaadr cdaar cdadar cdaddr cdadr cddaar \
         cddadr cddar cdddar cddddr cdddr",
    ),
    ("eval", "environment eval"),
    (
        "file",
        "call-with-input-file call-with-output-file delete-file file-exists? open-binary-input-file open-binary-output-file \
         open-input-file open-output-file with-input-from-file with-output-to-file",
    ),
    ("inexact", "acos asin atan cos exp finite? infinite? log nan? sin sqrt tan"),
    ("lazy", "delay delay-force force make-promise promise?"),
    ("load", "load"),
    (
        "process-context",
        "command-line emergency-exit exit get-environment-variable get-environment-variables",
    ),
    ("read", "read"),
    ("repl", "interaction-environment"),
    ("time", "current-jiffy current-second jiffies-per-second"),
    ("write", "display write write-shared write-simple"),
    (
        "r5rs",
        "* + - / < <= = > >= abs acos and angle append apply asin assoc assq assv atan begin boolean? caaaar caaadr caaar caadar caaddr \
         caadr caar cadaar cadadr cadar caddar cadddr caddr cadr call-with-current-continuation call-with-input-file \
         call-with-output-file call-with-values car case cdaaar cdaadr cdaar cdadar cdaddr cdadr cdar cddaar cddadr cddar cdddar cddddr \
         cdddr cddr cdr ceiling char->integer char-alphabetic? char-ci<=? char-ci<? char-ci=? char-ci>=? char-ci>? char-downcase \
         char-lower-case? char-numeric? char-ready? char-upcase char-upper-case? char-whitespace? char<=? char<? char=? char>=? char>? \
         char? close-input-port close-output-port complex? cond cons cos current-input-port current-output-port define define-syntax \
         delay denominator display do dynamic-wind eof-object? eq? equal? eqv? eval even? exact->inexact exact? exp expt floor for-each \
         force gcd if imag-part inexact->exact inexact? input-port? integer->char integer? interaction-environment lambda lcm length \
         let let* let-syntax letrec letrec-syntax list list->string list->vector list-ref list-tail list? load log magnitude \
         make-polar make-rectangular make-string make-vector map max member memq memv min modulo negative? newline not \
         null-environment null? number->string number? numerator odd? open-input-file open-output-file or output-port? pair? \
         peek-char positive? procedure? quasiquote quote quotient rational? rationalize read read-char real-part real? remainder \
         reverse round scheme-report-environment set! set-car! set-cdr! sin sqrt string string->list string->number string->symbol \
         string-append string-ci<=? string-ci<? string-ci=? string-ci>=? string-ci>? string-copy string-fill! string-length \
         string-ref string-set! string<=? string<? string=? string>=? string>? string? substring symbol->string symbol? \
         tan truncate values vector vector->list vector-fill! vector-length vector-ref vector-set! vector? with-input-from-file \
         with-output-to-file write write-char zero?",
    ),
];

/// What there is of `(srfi number)`.
const SRFI: [(i64, &str); 21] = [
    (0, "cond-expand"),
    (
        1,
        "any append append! append-map append-reverse append-reverse! assoc assq assv caaaar caaadr caaar caadar caaddr caadr caar cadaar \
         cadadr cadar caddar cadddr caddr cadr car cdaaar cdaadr cdaar cdadar cdaddr cdadr cdar cddaar cddadr cddar cdddar cddddr cdddr \
         cddr cdr concatenate cons cons* count delete delete! delete-duplicates drop drop-while every fifth filter \
         filter! filter-map find find-tail first fold fold-right for-each fourth iota last last-pair length list list-copy list-index \
         list-ref list-tabulate make-list map map-in-order member memq memv null? pair? partition reduce reduce-right remove remove! \
         reverse reverse! second set-car! set-cdr! span split-at take take-while third",
    ),
    (6, "get-output-string open-input-string open-output-string"),
    (8, "receive"),
    (9, "define-record-type"),
    (11, "let*-values let-values"),
    (16, "case-lambda"),
    (23, "error"),
    (
        27,
        "default-random-source make-random-source random-integer random-real random-source-make-integers random-source-make-reals \
         random-source-pseudo-randomize! random-source-randomize! random-source-state-ref random-source-state-set! random-source?",
    ),
    // Comments: nothing is exported.
    (30, ""),
    (39, "make-parameter parameterize"),
    (46, "define-syntax let-syntax letrec-syntax syntax-rules"),
    (
        60,
        "any-bits-set? arithmetic-shift ash bit-count bit-field bit-set? bitwise-and bitwise-if bitwise-ior bitwise-merge bitwise-not \
         bitwise-xor booleans->integer copy-bit copy-bit-field first-set-bit integer->list integer-length list->integer \
         log2-binary-factors logand logbit? logcount logior lognot logtest logxor reverse-bit-field rotate-bit-field",
    ),
    (62, ""),
    (
        69,
        "alist->hash-table hash hash-by-identity hash-table->alist hash-table-copy hash-table-delete! hash-table-exists? hash-table-fold \
         hash-table-keys hash-table-merge! hash-table-ref hash-table-ref/default hash-table-set! hash-table-size hash-table-update! \
         hash-table-update!/default hash-table-values hash-table-walk hash-table? make-hash-table string-ci-hash string-hash",
    ),
    (87, "case"),
    (95, "merge merge! sort sort! sorted?"),
    (98, "get-environment-variable get-environment-variables"),
    (111, "box box? set-box! unbox"),
    (
        132,
        "list-delete-neighbor-dups list-merge list-merge! list-sort list-sort! list-sorted? list-stable-sort list-stable-sort! \
         vector-delete-neighbor-dups vector-merge vector-sort vector-sort! vector-sorted? vector-stable-sort vector-stable-sort!",
    ),
    (145, "assume"),
];

/// What there is of `(srfi number)`, blanks between. `None` if there is no list.
pub fn srfi(number: i64) -> Option<&'static str> {
    SRFI.iter().find(|row| row.0 == number).map(|row| row.1)
}

/// What `(scheme name)` exports. `None` if it is open.
pub fn exports(name: &str) -> Option<impl Iterator<Item = &'static str>> {
    TABLE.iter().find(|row| row.0 == name).map(|row| row.1.split_whitespace())
}

#[cfg(test)]
mod tests {
    use super::super::expand_macro::is_syntax;
    use super::super::primitives;
    use super::super::session::expand_prelude;
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn everything_that_the_libraries_export_is_there() {
        let primitives = primitives::all().into_iter().map(|primitive| primitive.name.to_owned());
        let mut known: HashSet<String> =
            primitives.chain(["apply", "%call/cc", "%resume"].map(str::to_owned)).collect();
        let library = expand_prelude(&known).expect("the library");
        known.extend(library.iter().flat_map(|part| &part.assigned_globals).map(|name| name.to_string()));
        let srfi = SRFI.map(|(number, names)| (format!("srfi {number}"), names));
        let scheme = TABLE.map(|(name, names)| (format!("scheme {name}"), names));
        for (library, names) in scheme.into_iter().chain(srfi) {
            for name in names.split_whitespace() {
                // Only known inside of macros, or before anything is expanded.
                let is_known = ["_", "...", "include", "include-ci"].contains(&name)
                    || known.contains(name)
                    || is_syntax(name);
                assert!(is_known, "({library}) has no {name}");
            }
        }
    }
}
