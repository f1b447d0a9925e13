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

