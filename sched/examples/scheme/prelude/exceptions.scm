; Raising and handling.

; What a handler does, it does with the handlers around its own, and in the place of the raise.
(define (raise-continuable obj)
  (let* ((handlers (%handlers))
         (outer (%outer-handlers obj handlers)))
    (%set-handlers! outer)
    (let ((result ((car handlers) obj)))
      (%set-handlers! handlers)
      result)))

(define (%outer-handlers obj handlers)
  (if (null? handlers) (%uncaught obj) (cdr handlers)))

(define (raise obj)
  (let ((handlers (%handlers)))
    (%set-handlers! (%outer-handlers obj handlers))
    ((car handlers) obj)
    (%handler-returned obj)))

(define (%handler-returned obj)
  (if (error-object? obj)
      (raise (%make-condition
              (string-append "exception handler returned from: " (%message-text obj))
              (error-object-irritants obj)))
      (raise (%make-condition "exception handler returned from raise of" (list obj)))))

(define (%message-text obj)
  (let ((message (error-object-message obj)))
    (if (string? message) message "error")))

; Called by compiled code with what is wrong with a call of a primitive, a variable or the memory.
(define (%raise-fault condition) (raise condition))

(define (error message . irritants)
  (raise (%make-condition message irritants)))

(define (with-exception-handler handler thunk)
  (if (not (procedure? handler))
      (error "with-exception-handler: argument 1 must be a procedure, not" handler))
  (let ((outer (%handlers)))
    (%set-handlers! (cons handler outer))
    (let ((result (thunk)))
      (%set-handlers! outer)
      result)))

; What `guard` becomes if a clause matches for certain: leaves the body first. No memory is needed on the way.
(define (%guard-all body handle)
  (let* ((state (cons #f body))
         (result (%call/cc %run-guarded-all state)))
    (if (car state)
        (begin
          (set-car! state #f)
          (handle result))
        result)))

(define (%run-guarded-all k state)
  (with-exception-handler
   (lambda (obj)
     (set-car! state #t)
     (%throw k obj))
   (cdr state)))

; If no clause matches, it is raised again, in the place where it was raised: unless that has no room left to come back to.
(define (%guard body handle)
  (let* ((state (cons #f body))
         (result (%call/cc %run-guarded state)))
    (if (car state)
        (begin
          (set-car! state #f)
          (handle (car result)
                  (lambda ()
                    (if (cdr result)
                        (%throw (cdr result) (lambda () (raise-continuable (car result))))
                        (raise (car result))))))
        result)))

(define (%run-guarded k state)
  (with-exception-handler
   (lambda (obj)
     (if (%stack-is-full?)
         (begin
           (set-car! state #t)
           (%throw k (cons obj #f))))
     ((%call/cc (lambda (place obj)
                  (set-car! state #t)
                  (%throw k (cons obj place)))
                obj)))
   (cdr state)))
