; Continuations, dynamic-wind, and several values.

; Calls (f k). What is captured is only copied once, so this is no more than a call if it is done often.
(define (call-with-current-continuation f)
  (if (not (procedure? f))
      (error "call/cc: argument 1 must be a procedure, not" f))
  (%call/cc %with-continuation f))

(define (call/cc f) (call-with-current-continuation f))

(define (%with-continuation k f)
  (f (lambda results (%throw k (apply values results)))))

(define (%throw k result)
  (%rewind (%continuation-winders k))
  (%prepare-throw k result)
  (%resume))

; Winders are (before . after) pairs, innermost first. Leaves those that are not in the target, then enters those that are.
(define (%rewind target)
  (let ((here (%winders)))
    (if (not (eq? here target))
        (let* ((n (length here))
               (m (length target))
               (common (%common-tail (if (> n m) (list-tail here (- n m)) here)
                                     (if (> m n) (list-tail target (- m n)) target))))
          (%unwind-to common)
          (%wind-from common target)))))

(define (%common-tail a b)
  (if (eq? a b) a (%common-tail (cdr a) (cdr b))))

(define (%unwind-to target)
  (let ((here (%winders)))
    (if (not (eq? here target))
        (begin
          (%set-winders! (cdr here))
          ((cdar here))
          (%unwind-to target)))))

(define (%wind-from common target)
  (if (not (eq? common target))
      (begin
        (%wind-from common (cdr target))
        ((caar target))
        (%set-winders! target))))

(define (dynamic-wind before thunk after)
  (before)
  (%set-winders! (cons (cons before after) (%winders)))
  (let ((result (thunk)))
    (%set-winders! (cdr (%winders)))
    (after)
    result))

(define (exit . code)
  (%unwind-to '())
  (apply emergency-exit code))

(define (call-with-values producer consumer)
  (let ((result (producer)))
    (if (%values? result)
        (apply consumer (%values->list result))
        (consumer result))))


; A winder for parameters is not needed: a continuation brings their bindings back.
(define (%parameterize parameters+values thunk)
  (let* ((outer (%parameters))
         (bindings (%bind-parameters parameters+values outer)))
    (%set-parameters! bindings)
    (let ((result (thunk)))
      (%set-parameters! outer)
      result)))

(define (%bind-parameters parameters+values bindings)
  (if (null? parameters+values)
      bindings
      (let ((binding ((caar parameters+values) %bind-parameters (cdar parameters+values))))
        (cons binding (%bind-parameters (cdr parameters+values) bindings)))))

; A parameter that is called with %bind-parameters and a value gives the binding: (key . converted value).
(define (make-parameter value . converter)
  (let* ((convert (if (null? converter) (lambda (x) x) (car converter)))
         (global (cons #f (convert value))))
    (lambda arguments
      (cond ((null? arguments)
             (cdr (or (assq global (%parameters)) global)))
            ((and (eq? (car arguments) %bind-parameters) (pair? (cdr arguments)))
             (cons global (convert (cadr arguments))))
            (else (error "a parameter takes no arguments, but got" arguments))))))

; (values . thunk or value): whoever is first to know the value tells those that wait for the same.
(define (%make-promise done? content) (%record '%promise (cons done? content)))

(define (promise? x) (%record-of? x '%promise))

(define (make-promise x) (if (promise? x) x (%make-promise #t x)))

(define (force promise)
  (if (promise? promise) (%force promise) promise))

(define (%force promise)
  (let ((content (%record-ref promise 0)))
    (if (car content)
        (cdr content)
        (let* ((next ((cdr content)))
               (content (%record-ref promise 0)))
          (if (not (car content))
              (let ((found (%record-ref next 0)))
                (set-car! content (car found))
                (set-cdr! content (cdr found))
                (%record-set! next 0 content)))
          (%force promise)))))

(define (%case-lambda clauses)
  (lambda arguments (%apply-first clauses arguments (length arguments))))

(define (%apply-first clauses arguments count)
  (cond ((null? clauses)
         (error "case-lambda: no clause takes that many arguments:" count))
        ((%procedure-takes? (car clauses) count) (apply (car clauses) arguments))
        (else (%apply-first (cdr clauses) arguments count))))
