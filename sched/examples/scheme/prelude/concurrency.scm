; Tasks, channels and time. Whatever waits does it with a waiter, a vector #(fired value task deadline clause ...), which is filled in by the
; runtime: `fired` is the number of the clause that happened, or #f when the time was over.

(define (spawn thunk)
  (if (not (and (procedure? thunk) (%procedure-takes? thunk 0)))
      (error "spawn: argument 1 must be a procedure that takes no arguments, not" thunk))
  (%spawn thunk))

; Operations: 0 receives, 1 sends, 2 joins.
(define (%clause operation subject value) (vector operation subject value #f #f #f #f))

; A timeout is #f, or a number of milliseconds. Gives the waiter back.
(define (%wait waiter timeout)
  (if (not (%start-waiting waiter timeout)) (%finish-waiting))
  waiter)

; What came of the only clause. `rest` is what a procedure was given besides: perhaps a timeout, and perhaps what to return when it is over.
(define (%wait-for name clause rest)
  (let ((waiter (%wait (vector #f #f #f #f clause) (if (pair? rest) (car rest) #f))))
    (cond ((vector-ref waiter 0) (vector-ref waiter 1))
          ((pair? (cdr rest)) (cadr rest))
          (else (raise (%make-timeout-error (string-append name ": timed out after milliseconds:")
                                            (list (car rest))))))))

(define (channel-receive channel . timeout+value)
  (let ((value (%channel-take channel)))
    (if (%nothing? value)
        (%wait-for "channel-receive" (%clause 0 channel #f) timeout+value)
        value)))

(define (channel-send channel value . timeout+value)
  (if (not (%channel-put channel value))
      (%wait-for "channel-send" (%clause 1 channel value) timeout+value)))

; What a task has returned; what it has raised is raised again.
(define (join task . timeout+value)
  (if (%task-ended? task)
      (%task-result task)
      (let ((ended (%wait-for "join" (%clause 2 task #f) timeout+value)))
        (if (eq? ended task) (%task-result task) ended))))

(define (%task-result task)
  (if (%task-failed? task)
      (raise (%task-content task))
      (%task-content task)))

(define (sleep milliseconds)
  (%wait (vector #f #f #f #f) milliseconds)
  (yield))

; What `select` becomes: a procedure for each clause, and one for the case that the time is over.
(define (%select-from waiter timeout handlers late)
  (%wait waiter timeout)
  (if (vector-ref waiter 0)
      ((vector-ref handlers (vector-ref waiter 0)) (vector-ref waiter 1))
      (late)))
